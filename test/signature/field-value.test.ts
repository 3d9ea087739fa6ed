import { describe, expect, it } from 'vitest'
import { Fields } from '../../src/core/message.ts'
import { parseComponent } from '../../src/signature/component.ts'
import { fieldValue } from '../../src/signature/field-value.ts'
import { refused } from './refusal.ts'

const fields = new Fields([
  ...['X-List', ' a;q=1.0 ', 'X-List', '(b   c),?1', 'Priority', 'u=1,  i', 'Client-Cert', ':aGk=: ', 'Empty', ''],
  ...[
    'Set-Cookie',
    'a=1, b',
    'Set-Cookie',
    'caf\u00e9',
    'Folded',
    'one \r\n\ttwo\n  three',
    'Broken',
    '"',
    'Wide',
    '\u20ac',
  ],
])
const types = new Map([['x-list', 'list' as const]])
const value = (text: string) => fieldValue(parseComponent(text), fields, types)

describe('field values', () => {
  it('are the instances, trimmed and joined', () => {
    expect(value('x-list')).toBe('a;q=1.0, (b   c),?1')
    expect(value('empty')).toBe('')
    expect(value('folded')).toBe('one two three')
  })

  it('unfold in a time that grows with their length', () => {
    const long = new Fields(['Folded', `a${' '.repeat(200_000)}b${'\n '.repeat(100_000)}c`])
    expect(fieldValue(parseComponent('folded'), long)).toMatch(/^a {200000}b +c$/)
  })

  it('are reserialized as what they are', () => {
    expect(value('"x-list";sf')).toBe('a;q=1.0, (b c), ?1')
    expect(value('"priority";sf')).toBe('u=1, i')
    expect(value('"client-cert";sf')).toBe(':aGk=:')
    expect(value('"priority";key="i"')).toBe('?1')
    expect(value('"priority";key="u";sf')).toBe('1')
  })

  it('keep their instances apart as bytes', () => {
    expect(value('"set-cookie";bs')).toBe(':YT0xLCBi:, :Y2Fm6Q==:')
    expect(value('"empty";bs')).toBe('::')
  })

  it('a covered field that the message lacks has no value', () => {
    for (const text of ['nothing', '"nothing";bs', '"nothing";sf', '"nothing";key="a"']) {
      expect(
        refused(() => value(text)),
        text,
      ).toEqual(['proof-invalid', 'nothing'])
    }
  })

  it('a covered field whose characters are not octets has no bytes to cover', () => {
    expect(refused(() => value('"wide";bs'))).toEqual(['proof-invalid', 'wide'])
  })

  it('a member of a field that is no dictionary has no value', () => {
    expect(refused(() => value('"x-list";key="a"'))).toEqual(['proof-invalid', 'x-list'])
    expect(refused(() => value('"client-cert";key="a"'))).toEqual(['proof-invalid', 'client-cert'])
    expect(refused(() => value('"broken";key="a"'))).toEqual(['proof-invalid', 'broken'])
  })

  it('a member that the dictionary lacks has no value', () => {
    expect(refused(() => value('"priority";key="x"'))).toEqual(['proof-invalid', 'priority'])
  })

  it('a field of unknown structure, or not of its structure, cannot be covered by "sf"', () => {
    expect(refused(() => value('"broken";sf'))).toEqual(['proof-invalid', 'broken'])
    for (const type of ['item', 'list', 'dictionary'] as const) {
      const own = new Map([['broken', type]])
      expect(refused(() => fieldValue(parseComponent('"broken";sf'), fields, own))).toEqual(['proof-invalid', 'broken'])
    }
  })
})
