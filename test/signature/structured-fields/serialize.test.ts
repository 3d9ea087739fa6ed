import { describe, expect, it } from 'vitest'
import {
  serializeDictionary,
  serializeItem,
  serializeList,
  serializeMember,
  serializeParams,
} from '../../../src/signature/structured-fields/serialize.ts'
import type { BareItem } from '../../../src/signature/structured-fields/value.ts'
import { refusal } from '../refusal.ts'

const write = (value: BareItem) => serializeItem({ value, params: [] })

describe('writing structured fields', () => {
  it('shortens a true flag of a dictionary and of parameters, and nothing else', () => {
    const params = [['b', true]] as const
    expect(serializeDictionary([['a', { value: true, params }]])).toBe('a;b')
    expect(serializeDictionary([['a', { value: false, params: [] }]])).toBe('a=?0')
    expect(serializeMember({ value: true, params })).toBe('?1;b')
    expect(serializeList([{ items: [{ value: 1, params: [] }], params: [['c', false]] }])).toBe('(1);c=?0')
    expect(serializeParams([])).toBe('')
  })

  it('rounds halves to the even neighbour', () => {
    const decimal = (value: number) => write({ type: 'decimal', value })
    expect(['0.0015', '0.0025', '-0.0025', '-0.0001', '9.9995', '1'].map(Number).map(decimal)).toEqual([
      ...['0.002', '0.002', '-0.002', '0.0', '10.0', '1.0'],
    ])
  })

  it('refuses what a field cannot carry', () => {
    const values: BareItem[] = [
      ...([
        1.5,
        Number.NaN,
        1e15,
        'ü',
        'a\nb',
        { type: 'token', value: '' },
        { type: 'token', value: '1a' },
      ] as BareItem[]),
      ...([
        { type: 'token', value: 'a b' },
        { type: 'date', value: 1.5 },
        { type: 'decimal', value: 1e12 },
      ] as BareItem[]),
      ...([
        { type: 'decimal', value: Number.NaN },
        { type: 'display-string', value: '\ud800' },
      ] as BareItem[]),
    ]
    for (const value of values) expect(refusal(() => write(value)).code).toBe('option-invalid')
    for (const key of ['', 'A', '1', 'a b', 'ä']) {
      expect(refusal(() => serializeParams([[key, 1]])).code).toBe('option-invalid')
    }
  })
})
