import { describe, expect, it } from 'vitest'
import { parseItem } from '../../../src/signature/structured-fields/parse.ts'

const read = (text: string) => parseItem(text)?.value

describe('bare items', () => {
  it('are told apart by their first character', () => {
    expect(read('42')).toBe(42)
    expect(read('-1.50')).toEqual({ type: 'decimal', value: -1.5 })
    expect(read('"a \\"b\\" \\\\"')).toBe('a "b" \\')
    expect(read('*foo:bar/1')).toEqual({ type: 'token', value: '*foo:bar/1' })
    expect(read(':aGk=:')).toEqual(Uint8Array.of(0x68, 0x69))
    expect(read('?0')).toBe(false)
    expect(read('@-5')).toEqual({ type: 'date', value: -5 })
    expect(read('%"f%c3%bc"')).toEqual({ type: 'display-string', value: 'fü' })
  })

  it('have one zero', () => {
    expect(read('-0')).toBe(0)
    expect(read('-0.0')).toEqual({ type: 'decimal', value: 0 })
  })

  it('a byte sequence in any but its canonical base64 spelling is refused', () => {
    for (const text of [':aGVsbG8:', ':iZ==:', ':aGk=', ':aG k=:', ':aGk-:', ':=:', ':a===:', ':aGk=\n:']) {
      expect(read(text), text).toBeUndefined()
    }
    expect(read('::')).toEqual(new Uint8Array(0))
  })

  it('are nothing else', () => {
    for (const text of [
      '',
      '-',
      '.5',
      '1.',
      '1.2345',
      '1234567890123.0',
      '"a',
      '"\\a"',
      '"é"',
      '?2',
      '@1.0',
      '%"%C3"',
      '%"ü"',
      '%"a',
      "'a'",
    ]) {
      expect(read(text), text).toBeUndefined()
    }
  })
})
