import { describe, expect, it } from 'vitest'
import { createStamps } from '../../src/audit/stamp.ts'
import { NOON } from './sample.ts'

const UUID_7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

describe('createStamps', () => {
  it('gives a UUID that begins with the time, and the time in ISO 8601', () => {
    const { id, time } = createStamps()(NOON + 7)
    expect(id).toMatch(UUID_7)
    expect(Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16)).toBe(NOON + 7)
    expect(time).toBe('2026-09-01T12:00:00.007Z')
  })

  it('gives ids that only grow: within a millisecond, beyond its counter, and when the clock goes back', () => {
    const next = createStamps()
    const ids: string[] = []
    for (let i = 0; i < 10_000; i++) ids.push(next(NOON).id)
    for (const ms of [NOON + 1, NOON - 1000, NOON - 999, NOON + 5000, NOON]) ids.push(next(ms).id)
    expect(ids.every((id) => UUID_7.test(id))).toBe(true)
    expect([...ids].sort()).toEqual(ids)
    expect(new Set(ids).size).toBe(ids.length)
  })

  it('tells the time of the clock even when it goes back', () => {
    const next = createStamps()
    next(NOON)
    expect(next(NOON - 1000).time).toBe('2026-09-01T11:59:59.000Z')
  })

  it('gives two trails different ids for the same moment', () => {
    expect(createStamps()(NOON).id).not.toBe(createStamps()(NOON).id)
  })

  it('takes the time of the machine where a clock gives none', () => {
    for (const broken of [Number.NaN, -1, 1e20]) {
      const before = Date.now()
      expect(Date.parse(createStamps()(broken).time)).toBeGreaterThanOrEqual(before)
    }
  })
})
