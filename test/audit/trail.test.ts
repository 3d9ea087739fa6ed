import { describe, expect, it } from 'vitest'
import type { EventDraft } from '../../src/audit/event.ts'
import { memorySink } from '../../src/audit/memory-sink.ts'
import type { AuditDetail } from '../../src/audit/note.ts'
import type { AuditSink } from '../../src/audit/sink.ts'
import { type AuditTrail, auditTrail } from '../../src/audit/trail.ts'
import type { AuditTrailOptions } from '../../src/audit/trail-options.ts'
import { type CountersignError, isCountersignError } from '../../src/core/errors.ts'
import { deferred, manualSchedule, turn } from './manual-schedule.ts'
import { fullDraft, NOON, stamp } from './sample.ts'

const MARKER = 'S3CR3T-marker'
const LEDGER = 'spiffe://acme.test/ledger'
const ORDERS = 'spiffe://acme.test/orders'
const clock = { now: () => NOON }

function trailOf(options: Partial<AuditTrailOptions> = {}) {
  const sink = memorySink()
  const timers = manualSchedule()
  return { sink, timers, trail: auditTrail({ sinks: sink, clock, schedule: timers.schedule, ...options }) }
}

describe('auditTrail', () => {
  it('stamps, builds and hands on what is written', async () => {
    const { sink, trail } = trailOf()
    trail.for({ workload: LEDGER }).write(fullDraft)
    await trail.flush()
    expect(sink.events).toEqual([{ ...fullDraft, v: 1, id: expect.any(String), time: stamp.time, workload: LEDGER }])
  })

  it('stamps the workload that wrote, by its clock, where two share a trail', async () => {
    const sink = memorySink()
    const trail = auditTrail({ sinks: [sink] })
    trail.record('before')
    const ledger = trail.for({ workload: LEDGER, clock })
    const orders = trail.for({ workload: ORDERS, clock: { now: () => NOON + 1 } })
    orders.write({ type: 'workload.started' })
    ledger.write({ type: 'workload.started' })
    orders.record('mine')
    trail.record('of nobody in particular')
    ledger.for({ workload: `${ORDERS}\n` }).record('mine too')
    await trail.flush()
    expect(sink.events.map(({ workload }) => workload)).toEqual([
      'unbound',
      ORDERS,
      LEDGER,
      ORDERS,
      LEDGER,
      `${ORDERS}\ufffd`,
    ])
    expect(sink.events[1]?.time).toBe('2026-09-01T12:00:00.001Z')
    const ids = sink.events.map(({ id }) => id)
    expect([...ids].sort()).toEqual(ids)
  })

  it('keeps the identity and the clock it was given', async () => {
    const { sink, trail } = trailOf({ workload: LEDGER })
    trail.for({ workload: ORDERS, clock: { now: () => 0 } }).record('a')
    trail.record('b')
    await trail.flush()
    expect(sink.events.map(({ workload, time }) => [workload, time])).toEqual([
      [ORDERS, stamp.time],
      [LEDGER, stamp.time],
    ])
  })

  it('an event of the application never takes a type of the library', async () => {
    const { sink, trail } = trailOf()
    for (const type of ['call', 'policy.changed', 'audit.dropped', 'order.placed']) trail.record(type)
    trail.record('order.placed', { order: 'A-17', callId: 'c-1', effect: 'allow', workload: ORDERS, peer: ORDERS })
    await trail.flush()
    expect(sink.events.every(({ type }) => type === 'custom')).toBe(true)
    expect(sink.events.map(({ name }) => name)).toEqual([
      'call',
      'policy.changed',
      'audit.dropped',
      'order.placed',
      'order.placed',
    ])
    const last = sink.events.at(-1)
    expect(last).toMatchObject({ callId: 'c-1', workload: 'unbound' })
    expect('effect' in (last ?? {}) || 'peer' in (last ?? {})).toBe(false)
    expect(JSON.parse(last?.note ?? '')).toEqual({ order: 'A-17', effect: 'allow', workload: ORDERS, peer: ORDERS })
  })

  it('takes no secrets out of objects, and never throws, whatever an application records', async () => {
    const { sink, trail } = trailOf()
    const hostile = {
      get secret(): string {
        throw new Error(MARKER)
      },
    }
    const values: unknown[] = [
      new Error(MARKER),
      { a: { b: MARKER } },
      [{ MARKER }],
      hostile,
      null,
      MARKER.length,
      { callId: { MARKER } },
    ]
    for (const value of values) trail.record('x', value as AuditDetail)
    trail.record({ toString: () => MARKER } as unknown as string)
    await trail.flush()
    expect(sink.events).toHaveLength(values.length + 1)
    expect(JSON.stringify(sink.events)).not.toContain(MARKER)
    expect(trail.lost()).toBe(0)
  })

  it('an event that cannot be made is counted and disturbs nobody', async () => {
    const { sink, trail } = trailOf()
    const hostile = {
      type: 'call',
      get peer(): string {
        throw new Error(MARKER)
      },
    } as EventDraft
    trail.for({ workload: LEDGER }).write(hostile)
    expect([trail.lost(), trail.problems()]).toEqual([1, ['audit.dropped']])
    await trail.flush()
    expect(sink.events).toMatchObject([{ type: 'audit.dropped', count: 1 }])
    expect(trail.problems()).toEqual([])
  })

  it('goes on where a clock fails', async () => {
    const broken = {
      now: () => {
        throw new Error(MARKER)
      },
    }
    const { sink, trail } = trailOf({ clock: broken })
    trail.record('a')
    await trail.flush()
    expect(sink.events).toHaveLength(1)
  })

  it('redacts every event, its own too', async () => {
    const { sink, trail } = trailOf({ redact: ({ note, ...rest }) => rest })
    trail.record('a', { token: MARKER })
    trail.for({ workload: LEDGER }).write({ ...fullDraft, note: MARKER })
    await trail.flush()
    expect(sink.events).toHaveLength(2)
    expect(JSON.stringify(sink.events)).not.toContain(MARKER)
  })

  it('reports what happened to a part of the workload', async () => {
    const { sink, trail } = trailOf()
    const { report } = trail.for({ workload: LEDGER })
    report('trust.rejected', { option: 'trust.json', fix: 'give "keys"', step: 'parse', keyId: 'k', received: MARKER })
    report('trust.changed')
    await trail.flush()
    expect(sink.events).toMatchObject([
      { type: 'trust.rejected', name: 'trust.json', note: 'give "keys"', step: 'parse', keyId: 'k' },
      { type: 'trust.changed' },
    ])
    expect(JSON.stringify(sink.events)).not.toContain(MARKER)
  })
})

describe('sinks that fail', () => {
  const down = (): AuditSink & { isDown: boolean } => {
    const sink = { isDown: true, write: () => (sink.isDown ? Promise.reject(new Error(MARKER)) : Promise.resolve()) }
    return sink
  }

  it('do not affect another, and are told of once', async () => {
    const bad = down()
    const good = memorySink()
    const { trail, timers } = trailOf({ sinks: [bad, good] })
    trail.record('a')
    await turn()
    trail.record('b')
    await timers.run()
    expect(good.events.map(({ type, name }) => [type, name])).toEqual([
      ['custom', 'a'],
      ['audit.sink-failed', 'sink 1'],
      ['custom', 'b'],
    ])
    expect(good.events[1]?.count).toBe(1)
    expect(trail.problems()).toEqual(['audit.sink-failed'])
    expect(JSON.stringify(good.events)).not.toContain(MARKER)
    bad.isDown = false
    await trail.flush()
    expect(trail.problems()).toEqual([])
  })

  it('get everything they missed when they work again, and that they failed', async () => {
    const kept = memorySink()
    let isDown = true
    const flaky: AuditSink = {
      write: (events) => {
        if (isDown) throw new Error('down')
        return kept.write(events)
      },
    }
    const { trail } = trailOf({ sinks: flaky })
    trail.record('a')
    await turn()
    trail.record('b')
    isDown = false
    await trail.flush()
    expect(kept.events.map(({ type, name }) => `${type} ${name}`)).toEqual([
      'custom a',
      'audit.sink-failed sink 1',
      'custom b',
    ])
  })

  it('are told of at most once a minute', async () => {
    let now = NOON
    let writes = 0
    const flapping: AuditSink = {
      write: () => {
        if (writes++ % 2 === 0) throw new Error('down')
      },
    }
    const good = memorySink()
    const { trail } = trailOf({ sinks: [flapping, good], clock: { now: () => now } })
    const told = () => good.events.filter(({ type }) => type === 'audit.sink-failed').length
    for (let i = 0; i < 10; i++) {
      trail.record('a')
      await trail.flush()
    }
    expect(told()).toBe(1)
    now += 60_000
    for (let i = 0; i < 4; i++) {
      trail.record('a')
      await trail.flush()
    }
    expect(told()).toBe(2)
  })

  it('drop what does not fit, each in its own queue, and say how much', async () => {
    const gate = deferred()
    const slowEvents = memorySink()
    const slow: AuditSink = {
      write: async (events) => {
        await gate.promise
        await slowEvents.write(events)
      },
    }
    const good = memorySink()
    const { trail } = trailOf({ sinks: [slow, good], maxQueued: 3 })
    for (const name of ['a', 'b', 'c', 'd', 'e']) {
      trail.record(name)
      await turn()
    }
    expect(good.events).toHaveLength(5)
    expect([trail.lost(), trail.problems()]).toEqual([2, ['audit.dropped']])
    gate.resolve()
    await trail.flush()
    expect(slowEvents.events.map(({ name, count }) => name ?? count)).toEqual(['a', 'b', 'c', 2])
    expect([trail.lost(), trail.problems()]).toEqual([2, []])
  })

  it('do not hold a flush for ever', async () => {
    const { trail, timers } = trailOf({ sinks: { write: () => new Promise<void>(() => {}) } })
    trail.record('a')
    const flushing = trail.flush()
    await turn()
    expect([timers.delays(), timers.holding()]).toEqual([[10_000], 1])
    await timers.run()
    await flushing
  })
})

describe('close', () => {
  it('writes what waits, closes every sink once, and counts what comes later', async () => {
    const order: string[] = []
    const sink: AuditSink = {
      write: async (events) => void order.push(...events.map(({ name }) => name ?? '')),
      flush: async () => void order.push('flush'),
      close: async () => void order.push('close'),
    }
    const { trail } = trailOf({ sinks: [sink] })
    trail.record('a')
    const closings = [trail.close(), trail.for({ workload: LEDGER }).close()]
    await Promise.all(closings)
    await trail.close()
    trail.record('b')
    await trail.flush()
    expect(order).toEqual(['a', 'flush', 'close'])
    expect([trail.lost(), trail.problems()]).toEqual([1, ['audit.dropped']])
  })

  it('closes the others when one cannot be closed', async () => {
    let closes = 0
    const bad: AuditSink = { write: () => {}, close: () => Promise.reject(new Error('down')) }
    const good: AuditSink = { write: () => {}, close: async () => void closes++ }
    const { trail } = trailOf({ sinks: [bad, good] })
    await trail.close()
    expect([closes, trail.problems(), trail.lost()]).toEqual([1, ['audit.sink-failed'], 0])
  })
})

describe('options', () => {
  function failure(options: unknown): CountersignError {
    try {
      auditTrail(options as AuditTrailOptions)
    } catch (error) {
      if (isCountersignError(error, 'option-invalid')) return error
    }
    throw new Error('nothing was refused')
  }

  it('an audit trail without a sink is refused', () => {
    for (const sinks of [[], undefined, {}, [{}], 'console']) {
      expect(failure({ sinks }).code).toBe('option-invalid')
      expect(failure({ sinks }).detail.option).toMatch(/^audit options\.sinks/)
    }
  })

  it('are refused by name when they are wrong', () => {
    const wrong = { redact: 1, clock: {}, workload: 'a\nb', maxQueued: 0, onSinkDown: 'drop', schedule: {} }
    for (const [name, value] of Object.entries(wrong)) {
      const error = failure({ sinks: memorySink(), [name]: value })
      expect(error.code).toBe('option-invalid')
      expect(error.detail.option).toBe(`audit options.${name}`)
    }
    expect(failure({ sinks: memorySink(), chain: true }).code).toBe('option-invalid')
  })

  it('may be the default ones', async () => {
    const sink = memorySink()
    const trail: AuditTrail = auditTrail({ sinks: sink, onSinkDown: 'keep' })
    trail.record('a')
    await trail.close()
    expect(sink.events).toHaveLength(1)
  })
})
