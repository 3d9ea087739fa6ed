import { describe, expect, it, vi } from 'vitest'
import { lineTo } from '../../src/flow/peer-memory.ts'
import { createSessions, endSessions, type OpenSession, type SessionFacts } from '../../src/flow/sessions.ts'
import { engineOf, type Workload } from '../../src/flow/workload.ts'
import { Window } from '../../src/session/window.ts'
import { createFakeClock } from '../../src/testing/fake-clock.ts'
import { testDomain } from '../../src/testing/test-domain.ts'

const LEDGER = 'https://ledger.test'

describe('the memory of sessions', () => {
  it('keeps ten minutes, four for each instance, a quarter for each caller, and 10,000 in all by itself', () => {
    const clock = createFakeClock()
    const { table, lifetimeSeconds, epoch } = createSessions({}, clock)
    expect([lifetimeSeconds, epoch, table.size]).toEqual([600, 0, 0])
    // Nothing here looks at tokens.
    const { holder } = {} as Pick<OpenSession, 'holder'>
    const expiresAt = clock.now() + 600_000
    const open = (id: string, peer: string, instance: string) =>
      table.open({ ...{ id, peer, instance, basePath: '', window: new Window() }, holder, expiresAt })
    for (let i = 0; i < 6; i++) open(`s${i}`, 'a', 'a-0')
    expect(table.size).toBe(4)
    for (let i = 0; i < 2_500; i++) open(`a${i}`, 'a', `a-${i + 1}`)
    expect([table.size, table.hasRoom('a', 'a-new')]).toEqual([2_500, false])
    for (const peer of ['b', 'c', 'd', 'e']) for (let i = 0; i < 2_500; i++) open(peer + i, peer, `${peer}-${i}`)
    expect([table.size, table.hasRoom('f', 'f-0')]).toEqual([10_000, false])
  })

  it('rations handshakes by identity and minute', () => {
    const time = vi.spyOn(performance, 'now').mockReturnValue(59_999)
    try {
      for (const [options, count] of [
        [{}, 1_200],
        [{ handshakesPerMinute: 2 }, 2],
      ] as const) {
        time.mockReturnValue(59_999)
        const { handshakes } = createSessions(options, createFakeClock())
        const taken = (name: string) =>
          Array.from({ length: count + 1 }, () => handshakes.take(name)).filter(Boolean).length
        expect([taken('a'), taken('a'), taken('b')]).toEqual([count, 0, count])
        time.mockReturnValue(60_000)
        expect(taken('a')).toBe(count)
      }
    } finally {
      time.mockRestore()
    }
  })

  it('is as long and as wide as its options say', async () => {
    const domain = await testDomain('acme.test')
    const ledger = await domain.workload('ledger', {
      sessions: { lifetimeSeconds: 60, maxPerInstance: 1, maxSessions: 2, handshakesPerMinute: 1_000 },
    })
    domain.serve(ledger, LEDGER, () => new Response('ok'))
    const table = engineOf(ledger).sessions?.table
    /** The session that a caller has after a call. */
    const opened = async (caller: Workload) => {
      expect((await caller.fetch(`${LEDGER}/a`)).status).toBe(200)
      return lineTo(engineOf(caller).peers.of(ledger.id), LEDGER).session
    }
    const orders = await domain.workload('orders')
    const first = await opened(orders)
    expect(first?.expiresAt).toBe(domain.clock.now() + 60_000)
    orders.endSessions(() => true)
    const second = await opened(orders)
    expect([table?.size, table?.find(first?.id ?? ''), table?.find(second?.id ?? '')?.id]).toEqual([
      ...[1, undefined, second?.id],
    ])
    expect(await opened(await domain.workload('billing'))).toBeDefined()
    // Whoever comes too late calls with signatures.
    expect([await opened(await domain.workload('stock')), table?.size]).toEqual([undefined, 2])
    domain.clock.advance(60)
    expect(table?.find(second?.id ?? '')).toBeUndefined()
  })
})

describe('sessions are ended by hand', () => {
  /** A workload in the middle: others have sessions with it, and it has one with another. */
  async function between() {
    const domain = await testDomain('acme.test')
    const ledger = await domain.workload('ledger')
    const orders = await domain.workload('orders')
    domain.serve(orders, 'https://orders.test', () => new Response('ok'))
    domain.serve(ledger, LEDGER, () => new Response('ok'))
    const callers = [await domain.workload('shop'), await domain.workload('desk')]
    for (const caller of callers) await caller.fetch('https://orders.test/a')
    await orders.fetch(`${LEDGER}/a`)
    const engine = engineOf(orders)
    const lineThere = () => lineTo(engine.peers.of(ledger.id), LEDGER)
    return { domain, engine, ledger, orders, callers, lineThere }
  }

  it('at both ends, where they match, and counted', async () => {
    const { engine, lineThere, ledger } = await between()
    expect([engine.sessions?.table.size, lineThere().session === undefined]).toEqual([2, false])
    expect(endSessions(engine, ({ peer }) => peer === 'spiffe://acme.test/nobody')).toBe(0)
    expect(endSessions(engine, ({ peer }) => peer === 'spiffe://acme.test/desk')).toBe(1)
    expect([engine.sessions?.table.size, lineThere().session === undefined]).toEqual([1, false])
    expect(endSessions(engine, ({ peer }) => peer === ledger.id)).toBe(1)
    expect([engine.sessions?.table.size, lineThere().session === undefined]).toEqual([1, true])
    expect(endSessions(engine, () => true)).toBe(1)
    expect(engine.sessions?.table.size).toBe(0)
  })

  it('by who has them, by the key that vouched for it, by its proof key and by its token', async () => {
    const { engine } = await between()
    const seen: SessionFacts[] = []
    endSessions(engine, (facts) => {
      seen.push(facts)
      return false
    })
    expect(seen.map(({ peer }) => peer).sort()).toEqual([
      ...['spiffe://acme.test/desk', 'spiffe://acme.test/ledger', 'spiffe://acme.test/shop'],
    ])
    for (const facts of seen) {
      expect(facts).toEqual({
        peer: expect.any(String),
        keyId: expect.any(String),
        proofKeyId: expect.stringMatching(/^[A-Za-z0-9_-]{43}$/),
        tokenId: expect.any(String),
      })
      expect(Object.isFrozen(facts)).toBe(true)
    }
    expect(new Set(seen.map(({ proofKeyId }) => proofKeyId)).size).toBe(3)
  })

  it('and what is being opened meanwhile is told so', async () => {
    const { engine } = await between()
    expect(engine.sessions?.epoch).toBe(0)
    endSessions(engine, () => false)
    expect(engine.sessions?.epoch).toBe(1)
  })

  it('where there are none, which is no mistake', async () => {
    const domain = await testDomain('acme.test')
    const { peers } = engineOf(await domain.workload('orders'))
    expect(endSessions({ sessions: undefined, peers }, () => true)).toBe(0)
  })
})
