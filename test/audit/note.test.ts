import { describe, expect, it } from 'vitest'
import { type AuditDetail, noteOf } from '../../src/audit/note.ts'

const MARKER = 'S3CR3T-marker'

describe('noteOf', () => {
  it('writes one flat JSON object', () => {
    expect(noteOf({ order: 'A-17', items: 3, express: true })).toBe('{"order":"A-17","items":3,"express":true}')
    expect(noteOf({})).toBe('{}')
  })

  it('a nested value of the application never reaches an event', () => {
    const detail = {
      error: new Error(MARKER),
      nested: { password: MARKER },
      list: [MARKER],
      call: () => MARKER,
      big: 7n,
      nothing: null,
      infinite: Number.POSITIVE_INFINITY,
      json: { toJSON: () => MARKER },
      kept: 1,
    }
    expect(noteOf(detail as unknown as AuditDetail)).toBe('{"kept":1}')
  })

  it('leaves out names that are no plain words', () => {
    expect(noteOf({ 'a b': 1, 'a"b': 1, '': 1, [`x${'y'.repeat(64)}`]: 1, 'order.id': 1 })).toBe('{"order.id":1}')
  })

  it('bounds texts, number and whole, and stays JSON', () => {
    const many = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`k${i}`, i]))
    expect(Object.keys(JSON.parse(noteOf(many)))).toHaveLength(16)
    const long = Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`k${i}`, '"'.repeat(300)]))
    const note = noteOf({ ...long, last: 1 })
    expect(note.length).toBeLessThanOrEqual(1024)
    expect(JSON.parse(note)).toMatchObject({ k0: `${'"'.repeat(255)}…`, last: 1 })
    expect(noteOf({ line: 'a\n\u202eb' })).toBe('{"line":"a\ufffd\ufffdb"}')
  })
})
