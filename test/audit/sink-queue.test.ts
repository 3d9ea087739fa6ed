import { describe, expect, it } from 'vitest'
import type { AuditEvent } from '../../src/audit/event.ts'
import type { AuditSink } from '../../src/audit/sink.ts'
import { SinkQueue } from '../../src/audit/sink-queue.ts'
import { deferred, manualSchedule, turn } from './manual-schedule.ts'
import { sampleEvent } from './sample.ts'

const named = (name: string) => sampleEvent({ type: 'custom', name })
const label = (event: AuditEvent) => (event.type === 'custom' ? event.name : `${event.type} ${event.count}`)

function queueOf(write: AuditSink['write'], more: Partial<AuditSink> & { maxQueued?: number } = {}) {
  const timers = manualSchedule()
  const batches: (string | undefined)[][] = []
  let failures = 0
  const { maxQueued = 100, ...methods } = more
  const sink: AuditSink = {
    ...methods,
    write: (events) => {
      batches.push(events.map(label))
      return write(events)
    },
  }
  const queue = new SinkQueue({
    sink,
    maxQueued,
    schedule: timers.schedule,
    dropped: (count) => sampleEvent({ type: 'audit.dropped', count }),
    onFailed: () => {
      failures += 1
    },
  })
  return { queue, timers, batches, failuresTold: () => failures }
}

describe('SinkQueue', () => {
  it('writes what is pushed together as one batch, after the caller went on', async () => {
    const { queue, batches } = queueOf(() => {})
    queue.push(named('a'))
    queue.push(named('b'))
    expect(batches).toEqual([])
    await turn()
    expect(batches).toEqual([['a', 'b']])
  })

  it('writes one batch at a time, in order', async () => {
    const first = deferred()
    const { queue, batches } = queueOf(() => (batches.length === 1 ? first.promise : undefined))
    queue.push(named('a'))
    await turn()
    queue.push(named('b'))
    queue.push(named('c'))
    await turn()
    expect(batches).toEqual([['a']])
    first.resolve()
    await queue.flush()
    expect(batches).toEqual([['a'], ['b', 'c']])
  })

  it('bounds a batch', async () => {
    const { queue, batches } = queueOf(() => {}, { maxQueued: 2000 })
    for (let i = 0; i < 1200; i++) queue.push(named(String(i)))
    await queue.flush()
    expect(batches.map((batch) => batch.length)).toEqual([512, 512, 176])
    expect(batches.flat()).toEqual(Array.from({ length: 1200 }, (_, i) => String(i)))
  })

  it('hands out batches that a sink cannot change', async () => {
    const seen: (readonly AuditEvent[])[] = []
    const { queue } = queueOf((events) => {
      seen.push(events)
    })
    queue.push(named('a'))
    await queue.flush()
    expect(seen.every((events) => Object.isFrozen(events) && events.every(Object.isFrozen))).toBe(true)
  })

  it('a batch that a sink did not take is given to it again', async () => {
    for (const refuse of [
      () => {
        throw new Error('down')
      },
      () => Promise.reject(new Error('down')),
    ]) {
      const { queue, batches, timers, failuresTold } = queueOf(() => (batches.length <= 3 ? refuse() : undefined))
      queue.push(named('a'))
      await turn()
      queue.push(named('b'))
      expect(queue.isFailing).toBe(true)
      expect(timers.delays()).toEqual([100])
      expect(timers.holding()).toBe(0)
      await timers.run()
      expect(timers.delays()).toEqual([200])
      await timers.run()
      expect(timers.delays()).toEqual([400])
      await timers.run()
      expect(batches).toEqual([['a'], ['a'], ['a'], ['a'], ['b']])
      expect(queue.isFailing).toBe(false)
      expect([queue.failures, failuresTold(), queue.lost]).toEqual([3, 1, 0])
    }
  })

  it('waits at most half a minute before it tries again', async () => {
    const { queue, timers } = queueOf(() => Promise.reject(new Error('down')))
    queue.push(named('a'))
    await turn()
    for (let i = 0; i < 20; i++) await timers.run()
    expect(timers.delays()).toEqual([30_000])
  })

  it('a full queue drops the newest event and counts it', async () => {
    const first = deferred()
    const { queue, batches } = queueOf(() => (batches.length === 1 ? first.promise : undefined), { maxQueued: 3 })
    queue.push(named('a'))
    await turn()
    for (const name of ['b', 'c', 'd', 'e']) queue.push(named(name))
    expect(queue.isDropping).toBe(true)
    expect(queue.lost).toBe(2)
    first.resolve()
    await turn()
    queue.push(named('f'))
    await queue.flush()
    expect(batches).toEqual([['a'], ['b', 'c', 'audit.dropped 2'], ['f']])
    expect([queue.isDropping, queue.lost]).toEqual([false, 2])
  })

  it('tells of a drop at the next flush when nothing else is written', async () => {
    const { queue, batches } = queueOf(() => {})
    queue.drop()
    await queue.flush()
    expect(batches).toEqual([['audit.dropped 1']])
    expect(queue.isDropping).toBe(false)
  })

  it('tells of a drop before the sink is closed', async () => {
    const first = deferred()
    const order: string[] = []
    const { queue } = queueOf(
      async (events) => {
        await (order.length === 0 ? first.promise : turn())
        order.push(...events.map((event) => label(event) ?? ''))
      },
      { maxQueued: 1, close: async () => void order.push('close') },
    )
    queue.push(named('a'))
    await turn()
    queue.push(named('b'))
    const closing = queue.close()
    first.resolve()
    await closing
    expect(order).toEqual(['a', 'audit.dropped 1', 'close'])
    expect([queue.lost, queue.isDropping]).toEqual([1, false])
  })

  it('flushes a sink once everything pushed so far is written', async () => {
    const order: string[] = []
    const write = (events: readonly AuditEvent[]) => {
      for (const event of events) order.push(event.name ?? '')
    }
    const { queue } = queueOf(write, { flush: async () => void order.push('flush') })
    queue.push(named('a'))
    await queue.flush()
    await queue.flush()
    expect(order).toEqual(['a', 'flush', 'flush'])
  })

  it('flushes a failing sink with one try, and does not wait for it', async () => {
    let flushes = 0
    const { queue, batches, timers } = queueOf(() => Promise.reject(new Error('down')), {
      flush: async () => void flushes++,
    })
    queue.push(named('a'))
    await queue.flush()
    await queue.flush()
    expect(batches).toEqual([['a'], ['a']])
    expect([flushes, queue.failures]).toEqual([0, 2])
    expect(timers.delays()).toEqual([200])
  })

  it('reports a flush that fails until one succeeds', async () => {
    let isDown = true
    const flush = () => (isDown ? Promise.reject(new Error('down')) : Promise.resolve())
    const { queue, failuresTold } = queueOf(() => {}, { flush })
    await queue.flush()
    expect([queue.isFailing, failuresTold()]).toEqual([true, 1])
    isDown = false
    await queue.flush()
    expect(queue.isFailing).toBe(false)
  })

  it('an event after the close is counted as lost', async () => {
    let closes = 0
    const { queue, batches } = queueOf(() => {}, { close: async () => void closes++ })
    queue.push(named('a'))
    await queue.close()
    queue.push(named('b'))
    queue.push(named('c'))
    await queue.flush()
    expect(batches).toEqual([['a']])
    expect([closes, queue.lost, queue.isDropping]).toEqual([1, 2, true])
  })

  it('counts what a failing sink had not taken when it is closed', async () => {
    const { queue, timers, batches } = queueOf(() => Promise.reject(new Error('down')))
    queue.push(named('a'))
    await turn()
    queue.push(named('b'))
    await queue.close()
    expect([queue.lost, timers.delays().length]).toEqual([2, 0])
    await timers.run()
    expect(batches).toEqual([['a'], ['a']])
  })

  it('closes a sink that hangs, after a while', async () => {
    let closes = 0
    const { queue, timers } = queueOf(() => new Promise<void>(() => {}), {
      close: async () => {
        closes += 1
        throw new Error('down')
      },
    })
    queue.push(named('a'))
    await turn()
    const closing = queue.close()
    await turn()
    expect(closes).toBe(0)
    expect(timers.delays()).toEqual([10_000])
    await timers.run()
    await closing
    expect([closes, queue.lost]).toEqual([1, 1])
  })
})
