import { createServer, type RequestListener, request as requestOver } from 'node:http'
import { inspect } from 'node:util'
import express from 'express'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { callOf } from '../../src/adapters/call-of.ts'
import { guard } from '../../src/adapters/express.ts'
import { engineOf, type Workload } from '../../src/flow/workload.ts'
import { selfIssued } from '../../src/keys/credentials.ts'
import { allowAuthenticated } from '../../src/policy/allow-authenticated.ts'
import { testDomain } from '../../src/testing/test-domain.ts'
import type { WorkloadOptions } from '../../src/workload/workload-options.ts'
import { listen } from './servers.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  vi.restoreAllMocks()
  for (const close of closing.splice(0).reverse()) await close()
})

/** What came over the socket, by what the header says. */
interface Traffic {
  handshakes: number
  bySession: number
  bySignature: number
}

interface Service {
  readonly origin: string
  readonly traffic: Traffic
  /** How often the handler ran, by the body of the call. */
  readonly runs: Map<string, number>
  readonly proofs: Set<string>
  ledger: Workload
  /** A new process with the same identity behind the same port. */
  restart(): Promise<void>
  caller(overrides?: Partial<WorkloadOptions>): Promise<Workload>
}

/** An Express service whose handler counts its runs; `slow` says how long it takes for each. */
async function start(ledgerOptions: Partial<WorkloadOptions> = {}, slow: () => number = () => 0): Promise<Service> {
  const domain = await testDomain('acme.test')
  const { keys } = await domain.credentials()
  const traffic: Traffic = { handshakes: 0, bySession: 0, bySignature: 0 }
  const runs = new Map<string, number>()
  const proofs = new Set<string>()
  const make = () => domain.workload('ledger', { credentials: selfIssued({ keys }), ...ledgerOptions })
  const appOf = (ledger: Workload): RequestListener => {
    const app = express()
    app.use(guard(ledger, { policy: allowAuthenticated() }))
    app.use(express.text({ limit: '1mb' }))
    app.post('/calls', (req, res) => {
      const body = String(req.body)
      const name = body.slice(0, body.indexOf('|'))
      runs.set(name, (runs.get(name) ?? 0) + 1)
      proofs.add(callOf(req).peer.authenticatedBy)
      setTimeout(() => res.type('text/plain').send(name), slow())
    })
    return app
  }
  let app: RequestListener = () => undefined
  const server = createServer((req, res) => {
    if (req.url?.endsWith('/session') === true) traffic.handshakes++
    else if (String(req.headers['signature-input']).includes('keyid=')) traffic.bySession++
    else traffic.bySignature++
    app(req, res)
  })
  const listening = await listen(server)
  const ledger = await make()
  app = appOf(ledger)
  const service: Service = {
    origin: listening.origin,
    traffic,
    runs,
    proofs,
    ledger,
    async restart() {
      service.ledger = await make()
      app = appOf(service.ledger)
    },
    caller: (overrides = {}) =>
      domain.workload('orders', {
        transport: (url, init) => fetch(url, init),
        peers: { [listening.origin]: ledger.id },
        ...overrides,
      }),
  }
  closing.push(listening.close)
  return service
}

/** Makes a call with a body of its own, and says how it went. */
async function outcomeOf(orders: Workload, { origin }: Service, name: string, size = 1): Promise<string> {
  const body = `${name}|${'x'.repeat(size)}`
  try {
    const answer = await orders.fetch(`${origin}/calls`, { method: 'POST', body })
    const text = await answer.text()
    return answer.status === 200 && text === name ? 'ok' : `${answer.status} ${text}`
  } catch (error) {
    return inspect(error)
  }
}

const all = (count: number, make: (i: number) => Promise<string>) =>
  Promise.all(Array.from({ length: count }, (_, i) => make(i)))

/** No call failed, and none ran twice. */
function expectEachOnce(outcomes: readonly string[], { runs }: Service): void {
  expect([...new Set(outcomes)]).toEqual(['ok'])
  expect([...runs.values()].filter((count) => count !== 1)).toEqual([])
  expect(runs.size).toBe(outcomes.length)
}

it('64 parallel first calls to one peer make one handshake', async () => {
  const service = await start()
  const orders = await service.caller()
  expectEachOnce(await all(64, (i) => outcomeOf(orders, service, `first-${i}`)), service)
  expect(service.traffic).toEqual({ handshakes: 1, bySession: 64, bySignature: 0 })
  expect([...service.proofs]).toEqual(['session'])
})

describe('a server that forgets everything while 1,000 calls are in flight costs no call and does none twice', () => {
  // Of the larger bodies some are refused while they are still being sent.
  it.each([
    [1_000, 1],
    [100, 200_000],
  ])(
    'by endSessions: %i calls with bodies of %i bytes',
    async (count, size) => {
      const service = await start({}, () => 5)
      const orders = await service.caller()
      await outcomeOf(orders, service, 'warm-up')
      const outcomes = all(count, (i) => outcomeOf(orders, service, `call-${i}`, size))
      let ended = 0
      for (let i = 0; i < 10; i++) {
        await new Promise((resolve) => setTimeout(resolve, 20))
        if (i < 2) ended += service.ledger.endSessions(() => true)
      }
      expectEachOnce([...(await outcomes), 'ok'], service)
      expect(ended).toBe(1)
      expect(service.traffic.bySignature).toBeGreaterThan(0)
    },
    60_000,
  )

  it('by a restart with the same identity behind the same port', async () => {
    const service = await start({}, () => 5)
    const orders = await service.caller()
    await outcomeOf(orders, service, 'warm-up')
    const outcomes = all(1_000, (i) => outcomeOf(orders, service, `call-${i}`))
    while (service.runs.size < 200) await new Promise((resolve) => setTimeout(resolve, 1))
    await service.restart()
    expectEachOnce([...(await outcomes), 'ok'], service)
    expect(await outcomeOf(orders, service, 'afterwards')).toBe('ok')
    expect(service.traffic.bySignature).toBeGreaterThan(0)
    expect(service.traffic.handshakes).toBe(2)
  }, 120_000)
})

it('a slow upload beside 5,000 quick calls of the same session: none is refused', async () => {
  const service = await start()
  let slow: ReturnType<typeof requestOver> | undefined
  /** Sends head and first bytes at once, the last byte only when it is told to. */
  const release = { go: (): void => undefined }
  const released = new Promise<void>((resolve) => {
    release.go = resolve
  })
  const orders = await service.caller({
    async transport(url, init) {
      const body = init.body as Uint8Array | null
      if (body === null || body.length < 100_000) return fetch(url, init)
      return new Promise((resolve, reject) => {
        const headers = { ...Object.fromEntries(new Headers(init.headers)), 'content-length': body.length }
        slow = requestOver(url, { method: 'POST', headers }, async (res) => {
          const chunks: Buffer[] = []
          for await (const chunk of res) chunks.push(chunk as Buffer)
          const flat = new Headers()
          for (let i = 0; i < res.rawHeaders.length; i += 2) {
            const [name, value] = res.rawHeaders.slice(i, i + 2)
            flat.append(name ?? '', value ?? '')
          }
          resolve(new Response(new Uint8Array(Buffer.concat(chunks)), { status: res.statusCode ?? 0, headers: flat }))
        })
        slow.on('error', reject)
        slow.write(body.subarray(0, 1_000))
        void released.then(() => slow?.end(body.subarray(1_000)))
      })
    },
  })
  await outcomeOf(orders, service, 'warm-up')
  const upload = outcomeOf(orders, service, 'upload', 200_000)
  const outcomes: string[] = []
  for (let round = 0; round < 100; round++) {
    outcomes.push(...(await all(50, (i) => outcomeOf(orders, service, `${round}-${i}`))))
  }
  release.go()
  expectEachOnce(['ok', await upload, ...outcomes], service)
  expect(service.traffic).toEqual({ handshakes: 1, bySession: 5_002, bySignature: 0 })
}, 120_000)

describe('the next session is opened ahead of the end of the one before', () => {
  it('no call waits for it, none goes without a session, and none is refused', async () => {
    const service = await start({ sessions: { lifetimeSeconds: 30 } })
    let isHeld = false
    const waiting: (() => void)[] = []
    const orders = await service.caller({
      async transport(url, init) {
        if (url.endsWith('/session') && isHeld) await new Promise<void>((resolve) => waiting.push(resolve))
        return fetch(url, init)
      },
    })
    const begin = performance.now()
    const real = performance.now.bind(performance)
    let ahead = 0
    vi.spyOn(performance, 'now').mockImplementation(() => real() + ahead)
    const outcomes: string[] = [await outcomeOf(orders, service, 'first')]
    const line = engineOf(orders).peers.of(service.ledger.id).lines.get(service.origin)
    const old = line?.session
    isHeld = true
    ahead = 23_000
    outcomes.push(...(await all(20, (i) => outcomeOf(orders, service, `early-${i}`))))
    expect(waiting).toHaveLength(0)
    ahead = 25_000
    // The handshake that is due does not come to an end, and the calls do.
    outcomes.push(...(await all(50, (i) => outcomeOf(orders, service, `due-${i}`))))
    expect(waiting).toHaveLength(1)
    expect(line?.session).toBe(old)
    for (const resolve of waiting) resolve()
    while (line?.session === old) await new Promise((resolve) => setTimeout(resolve, 5))
    ahead = 31_000
    outcomes.push(...(await all(50, (i) => outcomeOf(orders, service, `after-${i}`))))
    expectEachOnce(outcomes, service)
    expect(service.traffic).toEqual({ handshakes: 2, bySession: outcomes.length, bySignature: 0 })
    expect(real() - begin).toBeLessThan(20_000)
  })

  it('calls without a break over ten sessions: not one is refused or proven by a signature', async () => {
    const service = await start({ sessions: { lifetimeSeconds: 30 } })
    const orders = await service.caller()
    const real = performance.now.bind(performance)
    let ahead = 0
    vi.spyOn(performance, 'now').mockImplementation(() => real() + ahead)
    const outcomes: string[] = []
    for (let round = 0; round < 300; round++) {
      outcomes.push(...(await all(4, (i) => outcomeOf(orders, service, `${round}-${i}`))))
      ahead += 1_000
    }
    expectEachOnce(outcomes, service)
    expect(service.traffic.handshakes).toBeGreaterThanOrEqual(10)
    expect(service.traffic.bySignature).toBe(0)
  }, 120_000)
})
