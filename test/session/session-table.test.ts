import { describe, expect, it } from 'vitest'
import type { SessionKeys } from '../../src/session/derive.ts'
import type { PendingSession } from '../../src/session/server-session.ts'
import { SessionTable } from '../../src/session/session-table.ts'
import { Window } from '../../src/session/window.ts'

/** A table on two clocks that stand still until they are told otherwise. */
function createTable(bounds: { maxSessions?: number; maxPerInstance?: number } = {}) {
  const time = { now: 1_000_000, monotonicMs: 5_000 }
  const table = new SessionTable<string>({
    maxSessions: 100,
    maxPerInstance: 2,
    ...bounds,
    clock: { now: () => time.now },
    monotonicMs: () => time.monotonicMs,
  })
  const pendingOf = (id: string, peer = 'orders', change: Partial<PendingSession<string>> = {}) => ({
    ...{ id, peer, instance: `${peer}-1`, basePath: '', window: new Window(), holder: 'h' },
    expiresAt: time.now + 600_000,
    ...change,
  })
  const open = (...given: Parameters<typeof pendingOf>) => {
    const session = pendingOf(...given)
    table.open(session)?.(KEYS)
    return session
  }
  const pass = (ms: number) => {
    time.now += ms
    time.monotonicMs += ms
  }
  const claim = ({ window }: Pick<PendingSession<string>, 'window'>, ms = 60_000) =>
    window.claim(1, { ...time, until: time.now + ms })
  return { table, time, pendingOf, open, pass, claim }
}

// Nothing here looks at keys.
const KEYS = {} as SessionKeys

describe('a session that is open', () => {
  it('is found by its name and no other', () => {
    const { table, open } = createTable()
    const session = open('a')
    expect(table.find('a')).toEqual({ ...session, keys: KEYS })
    expect([table.find('b'), table.find(''), table.size]).toEqual([undefined, undefined, 1])
  })

  it('is found once it has its keys, and takes its room from the first', () => {
    const { table, pendingOf } = createTable({ maxSessions: 1, maxPerInstance: 1 })
    const complete = table.open(pendingOf('a'))
    expect([table.find('a'), table.size, table.hasRoom('billing', 'billing-1')]).toEqual([undefined, 1, false])
    complete?.(KEYS)
    expect(table.find('a')?.keys).toBe(KEYS)
  })

  it('is not found where it has ended before it had its keys', () => {
    const { table, pendingOf } = createTable()
    const complete = table.open(pendingOf('a'))
    expect(table.end(({ id }) => id === 'a')).toBe(1)
    complete?.(KEYS)
    expect([table.find('a'), table.size]).toEqual([undefined, 0])
  })

  it('a session whose time is over, by either clock, is not known any more', () => {
    for (const clock of ['now', 'monotonicMs'] as const) {
      const { table, time, open } = createTable()
      open('a')
      time[clock] += 599_999
      expect(table.find('a')?.id, clock).toBe('a')
      time[clock] += 1
      expect(table.find('a'), clock).toBeUndefined()
      // Nor does it come back when the clock is set back.
      time[clock] -= 600_000
      expect([table.find('a'), table.size]).toEqual([undefined, 0])
    }
  })

  it('ends by hand where it matches, and is counted', () => {
    const { table, open } = createTable()
    open('a')
    open('b')
    open('c', 'billing')
    expect(table.end(({ peer }) => peer === 'orders')).toBe(2)
    expect([table.find('a'), table.find('b'), table.find('c')?.id, table.size]).toEqual([undefined, undefined, 'c', 1])
    expect(table.end(() => false)).toBe(0)
    expect(table.end(() => true)).toBe(1)
    expect(table.size).toBe(0)
  })

  it('ends once', () => {
    const { table, open } = createTable()
    open('a')
    table.close('a')
    table.close('a')
    table.close('unknown')
    expect([table.size, table.ended]).toEqual([0, 0])
  })
})

describe('the room of a table', () => {
  it('a session beyond the share of an instance takes the place of its own oldest one', () => {
    const { table, open } = createTable({ maxPerInstance: 2 })
    open('other', 'billing')
    for (const id of ['a', 'b', 'c']) {
      expect(table.hasRoom('orders', 'orders-1')).toBe(true)
      open(id)
    }
    expect(['a', 'b', 'c', 'other'].map((id) => table.find(id)?.id)).toEqual([undefined, 'b', 'c', 'other'])
    // Another instance of the same caller has a share of its own.
    open('d', 'orders', { instance: 'orders-2' })
    expect(['b', 'c', 'd'].map((id) => table.find(id)?.id)).toEqual(['b', 'c', 'd'])
    // The instance of another caller is not mistaken for it, whatever it is called.
    open('e', 'orders-2', { instance: 'orders-1' })
    expect(table.size).toBe(5)
  })

  it('an instance that has no session yet gets none where the table is full', () => {
    const { table, open, pass } = createTable({ maxSessions: 2, maxPerInstance: 2 })
    open('a')
    open('b', 'billing')
    expect(table.hasRoom('stranger', 'stranger-1')).toBe(false)
    expect(table.hasRoom('orders', 'orders-2')).toBe(false)
    expect(table.hasRoom('orders', 'orders-1')).toBe(true)
    // Whoever has one renews it in its own place.
    open('c')
    expect(['a', 'b', 'c'].map((id) => table.find(id)?.id)).toEqual([undefined, 'b', 'c'])
    expect(table.size).toBe(2)
    // Time makes room, without anybody asking for what it has ended.
    pass(600_000)
    expect(table.hasRoom('stranger', 'stranger-1')).toBe(true)
    expect(table.size).toBe(0)
  })

  it('is looked at again where a session is taken in: of two that were promised the last room one gets it', () => {
    const { table, pendingOf } = createTable({ maxSessions: 1 })
    expect([table.hasRoom('orders', 'orders-1'), table.hasRoom('billing', 'billing-1')]).toEqual([true, true])
    expect([typeof table.open(pendingOf('a')), table.open(pendingOf('b', 'billing'))]).toEqual(['function', undefined])
    expect(table.size).toBe(1)
  })

  it('a caller that holds a quarter of the table, with the windows it has left behind, opens no more', () => {
    const { table, open, pass, claim } = createTable({ maxSessions: 40, maxPerInstance: 2 })
    const instanceOf = (i: number) => ({ instance: `orders-${i}` })
    for (let i = 0; i < 9; i++) open(`s${i}`, 'orders', instanceOf(i))
    expect(table.hasRoom('orders', 'orders-9')).toBe(true)
    const last = open('s9', 'orders', instanceOf(9))
    expect([table.hasRoom('orders', 'orders-10'), table.hasRoom('orders', 'orders-0')]).toEqual([false, false])
    expect(table.hasRoom('billing', 'billing-1')).toBe(true)
    // A session that has ended counts for as long as its window does.
    claim(last)
    table.close('s9')
    pass(1_000)
    expect([table.ended, table.hasRoom('orders', 'orders-10')]).toEqual([1, false])
    pass(60_001)
    expect([table.hasRoom('orders', 'orders-10'), table.ended]).toEqual([true, 0])
    // One that was never used counts no longer than it lives.
    open('s10', 'orders', instanceOf(10))
    expect(table.hasRoom('orders', 'orders-11')).toBe(false)
    table.close('s3')
    expect(table.hasRoom('orders', 'orders-11')).toBe(true)
  })

  it('lets every caller have twice what one of its instances may, however small the table', () => {
    const { table, open } = createTable({ maxSessions: 8, maxPerInstance: 2 })
    for (let i = 0; i < 4; i++) {
      expect(table.hasRoom('orders', `orders-${i}`), String(i)).toBe(true)
      open(`s${i}`, 'orders', { instance: `orders-${i}` })
    }
    expect(table.hasRoom('orders', 'orders-4')).toBe(false)
    expect(table.hasRoom('billing', 'billing-1')).toBe(true)
  })

  it('is found behind what still lives, once a second', () => {
    const { table, open, pass } = createTable({ maxSessions: 2 })
    open('long', 'orders')
    open('short', 'billing', { expiresAt: 1_000_500 })
    expect(table.hasRoom('stock', 'stock-1')).toBe(false)
    pass(500)
    expect(table.hasRoom('stock', 'stock-1')).toBe(false)
    pass(500)
    expect(table.hasRoom('stock', 'stock-1')).toBe(true)
    expect([table.find('long')?.id, table.size]).toEqual(['long', 1])
  })

  it('an instance whose last session has ended counts as one that has none', () => {
    const { table, open } = createTable({ maxSessions: 1 })
    open('a')
    table.close('a')
    open('b', 'billing')
    expect(table.hasRoom('orders', 'orders-1')).toBe(false)
  })

  it('a session is refused while the windows of ended sessions take the room of all sessions', () => {
    const { table, open, pass, claim } = createTable({ maxSessions: 2, maxPerInstance: 1 })
    for (const id of ['a', 'b']) claim(open(id))
    table.close('b')
    expect([table.size, table.ended]).toEqual([0, 2])
    expect(table.hasRoom('orders', 'orders-1')).toBe(false)
    expect(table.hasRoom('billing', 'billing-1')).toBe(false)
    pass(60_001)
    expect(table.hasRoom('billing', 'billing-1')).toBe(true)
    expect(table.ended).toBe(0)
  })

  it('is made by sweeping from the front, of what has ended by time or by hand', () => {
    const { table, open, pass, claim } = createTable()
    claim(open('a', 'orders', { expiresAt: 1_001_000 }))
    open('b')
    pass(1_000)
    expect(table.size).toBe(2)
    expect(table.hasRoom('x', 'x-1')).toBe(true)
    expect([table.size, table.ended]).toEqual([1, 1])
    pass(60_000)
    expect(table.hasRoom('x', 'x-1')).toBe(true)
    expect([table.size, table.ended]).toEqual([1, 0])
  })
})

describe('the window of a session', () => {
  it('stays after its session until the last call it has admitted has expired, by both clocks', () => {
    const { table, time, open, claim } = createTable()
    const session = open('a')
    claim(session)
    table.close('a')
    expect([table.find('a'), table.ended]).toEqual([undefined, 1])
    expect(table.windowOf('a', 'orders')).toBe(session.window)
    time.now += 60_001
    table.hasRoom('x', 'x-1')
    expect(table.windowOf('a', 'orders')).toBe(session.window)
    time.monotonicMs += 60_001
    table.hasRoom('x', 'x-1')
    expect(table.windowOf('a', 'orders')).toBeUndefined()
  })

  it('is not kept where it has admitted no call', () => {
    const { table, open } = createTable()
    open('a')
    table.close('a')
    expect([table.ended, table.windowOf('a', 'orders')]).toEqual([0, undefined])
  })

  it("nobody's calls are judged by the window of somebody else's session", () => {
    const { table, open, claim } = createTable()
    const session = open('a')
    claim(session)
    expect(table.windowOf('a', 'orders')).toBe(session.window)
    expect(table.windowOf('a', 'billing')).toBeUndefined()
    table.close('a')
    expect(table.windowOf('a', 'billing')).toBeUndefined()
    expect(table.windowOf('unknown', 'orders')).toBeUndefined()
  })
})
