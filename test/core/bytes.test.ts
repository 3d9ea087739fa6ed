import { describe, expect, it } from 'vitest'
import { concat, equalBytes, fromUtf8, hex, utf8 } from '../../src/core/bytes.ts'

describe('bytes', () => {
  it('turns text into UTF-8 and back, a byte order mark included', () => {
    expect(hex(utf8('aä€😀'))).toBe('61c3a4e282acf09f9880')
    expect(fromUtf8(utf8('\ufeffaä€😀'))).toBe('\ufeffaä€😀')
  })

  it('does not guess at bytes that are not UTF-8', () => {
    for (const bytes of [[0xff], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xe2, 0x82]]) {
      expect(() => fromUtf8(Uint8Array.from(bytes))).toThrow(TypeError)
    }
  })

  it('joins into bytes of their own', () => {
    const part = Uint8Array.of(1, 2)
    const joined = concat(part, new Uint8Array(), Uint8Array.of(3))
    part[0] = 9
    expect([...joined]).toEqual([1, 2, 3])
    expect(concat()).toHaveLength(0)
  })

  it('finds a difference in any place and any length', () => {
    const bytes = Uint8Array.of(1, 2, 3)
    expect(equalBytes(bytes, bytes.slice())).toBe(true)
    expect(equalBytes(new Uint8Array(), new Uint8Array())).toBe(true)
    for (const i of [0, 1, 2]) expect(equalBytes(bytes, bytes.with(i, 0xff)), `${i}`).toBe(false)
    expect(equalBytes(bytes, bytes.subarray(0, 2))).toBe(false)
    expect(equalBytes(bytes.subarray(0, 2), bytes)).toBe(false)
  })
})
