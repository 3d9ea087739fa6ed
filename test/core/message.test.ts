import { describe, expect, it } from 'vitest'
import { Fields } from '../../src/core/message.ts'

const fields = new Fields(['Accept', ' a\t', 'X-One', '1', 'accept', 'b', 'x-empty', '', 'X-Nbsp', '\u00a0v\u00a0'])

describe('Fields', () => {
  it('compares names in lower case and keeps order and repetition', () => {
    expect(fields.all('accept')).toEqual(['a', 'b'])
    expect(fields.get('accept')).toBe('a, b')
    expect([...fields.names()]).toEqual(['accept', 'x-one', 'x-empty', 'x-nbsp'])
    expect(fields.raw.slice(0, 2)).toEqual(['Accept', ' a\t'])
  })

  it('tells an empty field from none', () => {
    expect([fields.get('x-empty'), fields.has('x-empty'), fields.all('x-empty')]).toEqual(['', true, ['']])
    expect([fields.get('x-none'), fields.has('x-none'), fields.all('x-none')]).toEqual([undefined, false, []])
  })

  it('trims spaces and tabs and no other white space', () => {
    expect(fields.get('x-nbsp')).toBe('\u00a0v\u00a0')
    expect(new Fields(['a', '\t \t']).get('a')).toBe('')
    expect(new Fields(['a', ' b c ']).get('a')).toBe('b c')
  })

  it('gives new fields and leaves the old ones', () => {
    const filtered = fields.filter((name) => name !== 'accept')
    const changed = fields.with({ accept: 'c', 'x-new': 'n' })
    expect(filtered.has('accept')).toBe(false)
    expect(changed.all('accept')).toEqual(['c'])
    expect(changed.get('x-new')).toBe('n')
    expect(changed.get('x-one')).toBe('1')
    expect(fields.all('accept')).toEqual(['a', 'b'])
  })

  it('has no fields but its own', () => {
    const own = Fields.fromEntries([['__proto__', 'p']])
    expect(own.get('__proto__')).toBe('p')
    for (const name of ['constructor', 'toString', 'hasOwnProperty']) expect(own.get(name), name).toBeUndefined()
    expect(own.with({ constructor: 'c' }).get('constructor')).toBe('c')
  })

  it('finds the same in a long header as in a short one', () => {
    const few = ['X-A', '1', 'x-b', '2', 'X-A', '3', 'x-c', '']
    const long = new Fields([...few, ...Array.from({ length: 100 }, (_, i) => [`x-${i}`, `${i}`]).flat(), 'x-a', '4'])
    expect([long.get('x-a'), long.get('x-b'), long.get('x-c'), long.get('x-99')]).toEqual(['1, 3, 4', '2', '', '99'])
    expect([long.all('x-a'), long.all('x-none'), long.has('x-none')]).toEqual([['1', '3', '4'], [], false])
    expect(long.names().length).toBe(103)
    expect(long.without('x-a').get('x-a')).toBeUndefined()
  })

  it('takes no longer than its length for a header of one name', () => {
    const many = new Fields(Array.from({ length: 30_000 }, () => ['a', '']).flat())
    expect([many.all('a').length, many.get('a')?.length, many.names()]).toEqual([30_000, 59_998, ['a']])
  })
})
