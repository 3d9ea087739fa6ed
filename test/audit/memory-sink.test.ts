import { describe, expect, it } from 'vitest'
import { memorySink } from '../../src/audit/memory-sink.ts'
import { isCountersignError } from '../../src/core/errors.ts'
import { sampleEvent } from './sample.ts'

const named = (name: string) => sampleEvent({ type: 'custom', name })

describe('memorySink', () => {
  it('keeps frozen events, oldest first', async () => {
    const sink = memorySink()
    await sink.write([named('a'), { ...named('b') }])
    await sink.write([named('c')])
    expect(sink.events.map(({ name }) => name)).toEqual(['a', 'b', 'c'])
    expect(sink.events.every(Object.isFrozen)).toBe(true)
    expect(Object.isFrozen(sink.events)).toBe(true)
  })

  it('lets the oldest go', async () => {
    const sink = memorySink({ maxEvents: 2 })
    for (const name of ['a', 'b', 'c']) await sink.write([named(name)])
    expect(sink.events.map(({ name }) => name)).toEqual(['b', 'c'])
  })

  it('forgets when told, and leaves lists alone that it gave out', async () => {
    const sink = memorySink()
    await sink.write([named('a')])
    const before = sink.events
    sink.clear()
    await sink.write([named('b')])
    expect(before.map(({ name }) => name)).toEqual(['a'])
    expect(sink.events.map(({ name }) => name)).toEqual(['b'])
  })

  it('refuses a limit that is none', () => {
    let caught: unknown
    try {
      memorySink({ maxEvents: 0 })
    } catch (error) {
      caught = error
    }
    expect(isCountersignError(caught, 'option-invalid')).toBe(true)
  })
})
