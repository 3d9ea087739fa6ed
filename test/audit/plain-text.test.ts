import { describe, expect, it } from 'vitest'
import { isPlainText, plainText } from '../../src/audit/plain-text.ts'

describe('plainText', () => {
  it('a character that could forge or hide a line never reaches an event', () => {
    const bad = [
      '\n',
      '\r',
      '\t',
      '\0',
      '\b',
      '\u001b',
      '\u007f',
      '\u0085',
      '\u009b',
      '\u2028',
      '\u2029',
      '\u061c',
      '\u200b',
      '\u200e',
      '\u200f',
      '\u202a',
      '\u202e',
      '\u2066',
      '\u2069',
      '\ufeff',
      '\u00ad',
      '\ud800',
      '\udc00',
      '\ue000',
      '\u{e0041}',
    ]
    for (const character of bad) {
      expect(plainText(`a${character}b`, 100)).toBe('a\ufffdb')
      expect(isPlainText(`a${character}b`)).toBe(false)
      expect(isPlainText(plainText(`a${character}b`, 100))).toBe(true)
    }
    expect(plainText('\u001b[31mred\u001b[0m\r\n2026 ok', 100)).toBe('\ufffd[31mred\ufffd[0m\ufffd\ufffd2026 ok')
  })

  it('leaves what shows as it is', () => {
    for (const text of ['', 'spiffe://acme.test/orders', 'Größe → 漢字 😀', ' ~']) {
      expect(plainText(text, 100)).toBe(text)
      expect(isPlainText(text)).toBe(true)
    }
  })

  it('cuts at the limit and shows that it did', () => {
    expect(plainText('abcd', 4)).toBe('abcd')
    expect(plainText('abcde', 4)).toBe('abc…')
    expect(plainText('ab😀de', 4)).toBe('ab\ufffd…')
    expect(isPlainText(plainText('x'.repeat(5000), 1024))).toBe(true)
  })
})
