import { describe, expect, it, vi } from 'vitest'
import { engineOf, type Workload } from '../../../src/flow/workload.ts'
import { platform } from '../../../src/platform/node.ts'
import { type TestDomain, testDomain } from '../../../src/testing/test-domain.ts'
import { answerOf } from '../../../src/workload/secure-fetch.ts'

const LEDGER = 'https://ledger.test'
const post = { method: 'POST', body: 'x' }

/** A peer whose discovery, below the base of its client, is answered by a handler: signed, and whatever it says. */
async function told(answer: () => Response, overrides: Parameters<TestDomain['workload']>[1] = {}) {
  const domain = await testDomain('acme.test')
  const ledger = await domain.workload('ledger')
  const asked: Request[] = []
  domain.serve(ledger, LEDGER, (request) => {
    if (!request.url.includes('well-known')) return new Response('ok')
    asked.push(request)
    return answer()
  })
  // Under a session the handshake tells the same, and nobody asks.
  const orders: Workload = await domain.workload('orders', { sessions: false, ...overrides })
  const client = orders.client({ peer: ledger.id, baseUrl: `${LEDGER}/v1/` })
  return { domain, ledger, orders, client, asked }
}

const isSealed = async (answer: Promise<Response>) => answerOf(await answer).sealed

describe('what a peer says of itself', () => {
  it('is asked below the base, with nothing of the call that asks', async () => {
    const { client, asked } = await told(() => Response.json({ v: 1, seal: true }))
    const init = { ...post, headers: { 'x-secret': 's', authorization: 'Bearer s' }, redirect: 'follow' as const }
    expect(await isSealed(client('entries', init))).toBe(true)
    expect(asked.map(({ method, url }) => [method, new URL(url).pathname])).toEqual([
      ['GET', '/v1/.well-known/countersign'],
    ])
    expect([asked[0]?.headers.has('x-secret'), asked[0]?.headers.has('authorization')]).toEqual([false, false])
  })

  it('asks for sealing only in so many words', async () => {
    for (const answer of [
      () => Response.json({ v: 1, seal: true }, { status: 404 }),
      () => Response.json({ v: 1, seal: 'true' }),
      () => Response.json(null),
      () => new Response('{'),
      () => new Response(null),
      () => Response.json({ v: 1, seal: true, x: 'x'.repeat(1024) }),
    ]) {
      const { client } = await told(answer)
      expect(await isSealed(client('entries', post))).toBe(false)
    }
  })

  it('is not taken from where a redirect leads', async () => {
    const moved = () => new Response(null, { status: 307, headers: { location: '/elsewhere' } })
    const { client, asked } = await told(moved)
    expect(await isSealed(client('entries', { ...post, redirect: 'error' }))).toBe(false)
    expect(asked).toHaveLength(1)
  })

  it('is not believed unproven, while observing neither', async () => {
    const { ledger, orders } = await told(() => new Response('unused'), {
      mode: 'observe',
      transport: async () => Response.json({ v: 1, seal: true }),
    })
    const client = orders.client({ peer: ledger.id, baseUrl: LEDGER })
    expect(await isSealed(client('/entries', post))).toBe(false)
    expect(engineOf(orders).peers.of(ledger.id).demandsSeal).toBe(false)
  })

  it('is not asked again at once where it says that there is nothing to say', async () => {
    for (const [status, isSoon] of [
      [200, false],
      [404, false],
      [403, true],
      [503, true],
    ] as const) {
      const { client, orders, ledger } = await told(() => new Response('{}', { status }))
      await client('entries', post)
      const waits = engineOf(orders).peers.of(ledger.id).discoverAfterMs - platform.monotonicMs()
      expect(waits < 5_001, String(status)).toBe(isSoon)
    }
  })

  it('is waited for five seconds and no longer', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    try {
      const domain = await testDomain('acme.test')
      domain.serve(await domain.workload('ledger'), LEDGER, () => new Response('ok'))
      let hang: () => void = () => undefined
      const hanging = new Promise<void>((resolve) => {
        hang = resolve
      })
      const orders = await domain.workload('orders', {
        sessions: false,
        transport(url, init) {
          if (!url.includes('well-known')) return domain.deliver(new Request(url, init))
          hang()
          return new Promise((_resolve, reject) =>
            init.signal?.addEventListener('abort', () => reject(new Error('cut'))),
          )
        },
      })
      const asked = orders.fetch(`${LEDGER}/a`, post)
      await hanging
      await vi.advanceTimersByTimeAsync(5_000)
      expect((await asked).status).toBe(200)
    } finally {
      vi.useRealTimers()
    }
  })

  it('is asked again a while after a failure', async () => {
    let asked = 0
    const { ledger, orders } = await told(() => new Response('unused'), {
      async transport(url) {
        if (url.includes('well-known')) asked++
        return new Response('Bad Gateway', { status: 502 })
      },
    })
    const client = orders.client({ peer: ledger.id, baseUrl: LEDGER })
    const call = () => client('/entries', post).catch(() => undefined)
    await call()
    await call()
    expect(asked).toBe(1)
    engineOf(orders).peers.of(ledger.id).discoverAfterMs = Number.NEGATIVE_INFINITY
    await call()
    expect(asked).toBe(2)
  })

  it('a discovery that breaks for another reason than the peer breaks the call', async () => {
    const { ledger, orders } = await told(() => new Response('unused'))
    const broken = new TypeError('the source of keys has a bug')
    const client = orders.client({ peer: ledger.id, baseUrl: LEDGER })
    const engine = engineOf(orders)
    const { discover } = await import('../../../src/flow/outbound/discover.ts')
    const { resolve } = await import('../../../src/flow/outbound/resolve.ts')
    const destination = { peerAt: () => ledger.id, baseUrl: undefined, basePath: '' }
    const resolved = await resolve(destination, { input: `${LEDGER}/a`, init: post, options: {} })
    await expect(discover(engine, resolved, () => Promise.reject(broken))).rejects.toBe(broken)
    expect((await client('/entries', post)).status).toBe(200)
  })
})
