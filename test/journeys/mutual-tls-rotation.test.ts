import { once } from 'node:events'
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Agent, type Dispatcher, request } from 'undici'
import { expect, it, onTestFinished } from 'vitest'
import { guard } from '../../src/adapters/node.ts'
import { followCertificate, tlsServerOptions } from '../../src/adapters/node-tls.ts'
import { undiciTransport } from '../../src/adapters/undici.ts'
import type { UndiciDispatcher } from '../../src/adapters/undici-options.ts'
import { tlsClient } from '../../src/adapters/undici-tls.ts'
import { memorySink } from '../../src/audit/memory-sink.ts'
import type { Jwk } from '../../src/crypto/primitives.ts'
import type { Workload } from '../../src/flow/workload.ts'
import { certificateFiles } from '../../src/keys/certificate-source.ts'
import { credentialFile } from '../../src/keys/credentials.ts'
import { generateKey, publicJwk } from '../../src/keys/jwk.ts'
import { clientCertificate } from '../../src/peer/certificate/client-certificate.ts'
import { workloadProof } from '../../src/peer/workload-proof.ts'
import { allowAuthenticated } from '../../src/policy/allow-authenticated.ts'
import { trustUrl } from '../../src/trust/trust-url.ts'
import { createWorkload } from '../../src/workload/create-workload.ts'
import { bundleEntry, type Made, makeCa, makeLeaf } from '../support/certificate.ts'
import { pairOf } from '../support/pem.ts'
import { type KeyServer, keyServer } from '../trust/key-server.ts'

const REFRESH_MS = 1_000
/** A minute is as many as fit into it: by default a few seconds. */
const ROTATIONS = Number(process.env.COUNTERSIGN_ROTATIONS ?? 3)
const CLIENTS = 20
/** A refresh takes its time: the fetch and, on a busy machine, the turn it waits for. */
const SLACK_MS = 500
const HOUR_MS = 3_600_000
const [ORDERS, LEDGER] = ['spiffe://acme.test/orders', 'spiffe://acme.test/ledger']

const pause = (delayMs: number) => new Promise((resolve) => setTimeout(resolve, delayMs))

/** What vouches for workloads at one time: a key for their tokens, and a CA. */
interface Authority {
  readonly key: Jwk
  readonly ca: Made
}

const life = () => ({ notBefore: Date.now() - HOUR_MS, notAfter: Date.now() + HOUR_MS })
const authority = async (): Promise<Authority> => ({ key: await generateKey({ alg: 'ES256' }), ca: makeCa(life()) })

/** A certificate of a CA below it, as SPIRE issues them. */
function issue(id: string, { ca }: Authority) {
  const middle = makeCa({ by: ca, ...life() })
  return pairOf(makeLeaf({ by: middle, uris: [id], ...life() }), middle)
}

/** The files of two services. */
class Files {
  readonly #folder: string
  constructor(folder: string) {
    this.#folder = folder
  }

  path(name: string): string {
    return join(this.#folder, name)
  }

  async put(name: string, text: string): Promise<void> {
    await writeFile(this.path(`${name}.new`), text)
    await rename(this.path(`${name}.new`), this.path(name))
  }

  async renew(id: string, by: Authority): Promise<void> {
    const name = id.slice(id.lastIndexOf('/') + 1)
    const { certificate, key } = issue(id, by)
    await this.put(`${name}.json`, JSON.stringify({ keys: [by.key] }))
    await this.put(`${name}.pem`, certificate)
    // Longer than a change takes to be noticed: until then the two do not fit.
    await pause(120)
    await this.put(`${name}.key`, key)
  }
}

interface Services {
  readonly server: KeyServer
  readonly files: Files
  readonly ledger: Workload
  readonly orders: Workload
  readonly origin: string
  readonly dispatcher: Dispatcher
  /** Lets something of ours answer in the ledger's name. */
  readonly origins: Set<string>
}

async function start(first: Authority): Promise<Services> {
  const server = await keyServer()
  const files = new Files(await mkdtemp(join(tmpdir(), 'countersign-')))
  for (const id of [ORDERS, LEDGER]) await files.renew(id, first)
  const origins = new Set<string>()
  server.serve({ keys: [publicJwk(first.key), bundleEntry(first.ca)] })
  let client: UndiciDispatcher
  const create = (id: string) => {
    const name = id.slice(id.lastIndexOf('/') + 1)
    const [certificate, key] = [files.path(`${name}.pem`), files.path(`${name}.key`)]
    return createWorkload({
      id,
      credentials: credentialFile(files.path(`${name}.json`)),
      certificate: certificateFiles({ certificate, key }),
      trust: trustUrl(server.url, { trustDomain: 'acme.test', refreshSeconds: REFRESH_MS / 1000 }),
      peers: (url) => (origins.has(url.origin) ? LEDGER : undefined),
      audit: memorySink(),
      transport: undiciTransport({ dispatcher: { dispatch: (wanted, handler) => client.dispatch(wanted, handler) } }),
    })
  }
  const [ledger, orders] = [await create(LEDGER), await create(ORDERS)]
  const dispatcher = tlsClient(orders)
  client = dispatcher
  const accept = [workloadProof(), clientCertificate()]
  const listener = guard(ledger, { policy: allowAuthenticated(), accept }, (_req, res) => {
    res.end('ok')
  })
  const https = createServer(tlsServerOptions(ledger), listener)
  followCertificate(https, ledger)
  await once(https.listen(0, '127.0.0.1'), 'listening')
  const origin = `https://127.0.0.1:${(https.address() as AddressInfo).port}`
  origins.add(origin)
  onTestFinished(async () => {
    await Promise.all([orders.close(), ledger.close(), server.close()])
    https.closeAllConnections()
    https.close()
    await rm(files.path(''), { recursive: true })
  })
  return { server, files, ledger, orders, origin, dispatcher, origins }
}

/** Who goes on with a certificate that was retired, as caller and as server. */
async function straggler({ origin, origins, dispatcher }: Services, by: Authority) {
  const shown = issue(ORDERS, by)
  const agent = new Agent({ connect: { cert: shown.certificate, key: shown.key, rejectUnauthorized: false } })
  const { certificate, key } = issue(LEDGER, by)
  const server = createServer({ cert: certificate, key }, (_req, res) => res.end('ok'))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const own = `https://localhost:${(server.address() as AddressInfo).port}`
  origins.add(own)
  const statusOf = async (url: string, over: Dispatcher) => {
    const answer = await request(url, { dispatcher: over })
    await answer.body.dump()
    return answer.statusCode
  }
  return {
    /** Which of the two ways was taken. */
    async tries(): Promise<boolean[]> {
      const ways = [statusOf(origin, agent), statusOf(own, dispatcher)]
      return (await Promise.allSettled(ways)).map((way) => way.status === 'fulfilled' && way.value === 200)
    },
    async end() {
      await agent.destroy()
      server.closeAllConnections()
      server.close()
    },
  }
}

it(
  'keys, certificates and CAs change every two refreshes while twenty clients call: no call fails, and what was retired is gone after one refresh',
  async () => {
    let [current, next] = [await authority(), await authority()]
    const services = await start(current)
    const { server, files, orders, origin, dispatcher } = services
    const publish = (...those: Authority[]) =>
      server.serve({ keys: those.flatMap(({ key, ca }) => [publicJwk(key), bundleEntry(ca)]) })
    publish(current, next)
    let [calls, isOver] = [0, false]
    const failures: unknown[] = []
    const load = async (_: unknown, i: number) => {
      while (!isOver) {
        try {
          if (i % 2 === 0) expect((await orders.fetch(`${origin}/x`, { method: 'POST', body: 'b' })).status).toBe(200)
          else {
            const answer = await request(origin, { dispatcher })
            expect([answer.statusCode, await answer.body.text()]).toEqual([200, 'ok'])
          }
          calls++
        } catch (error) {
          failures.push(error)
        }
        await pause(10)
      }
    }
    const running = Array.from({ length: CLIENTS }, load)
    const taken: unknown[] = []
    const late: number[] = []
    await pause(1.2 * REFRESH_MS)
    for (let i = 0; i < ROTATIONS; i++) {
      const last = current
      ;[current, next] = [next, await authority()]
      publish(last, current, next)
      await Promise.all([ORDERS, LEDGER].map((id) => files.renew(id, current)))
      const old = await straggler(services, last)
      // What was signed with it a moment ago is still on its way.
      await pause(0.5 * REFRESH_MS)
      const [asCaller, asServer] = await old.tries()
      taken.push(asCaller, asServer)
      publish(current, next)
      const at = performance.now()
      while (performance.now() < at + 1.2 * REFRESH_MS + SLACK_MS) {
        const before = performance.now()
        if ((await old.tries()).includes(true)) late.push(before - at)
        await pause(20)
      }
      await old.end()
    }
    isOver = true
    await Promise.all(running)
    expect(failures).toEqual([])
    expect(calls).toBeGreaterThan(1_000)
    // Both ways were open until then, and closed soon after.
    expect(taken).toEqual(Array(2 * ROTATIONS).fill(true))
    expect(Math.max(...late)).toBeLessThan(REFRESH_MS + SLACK_MS)
  },
  30_000 + ROTATIONS * 10_000,
)
