import { createHash } from 'node:crypto'
import { crc32 as zlibCrc32 } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { randomDigits, toDigits } from '../../../src/peer/api-key/base62.ts'
import { crc32 } from '../../../src/peer/api-key/crc32.ts'
import { hashOfKey, idOfKey, KEY_ID, newKeyText } from '../../../src/peer/api-key/key-text.ts'
import { refusal } from '../../core/refusal.ts'

/** Published in docs/api-keys.md: it opens nothing anywhere. */
const SAMPLE = 'csk_0123456789A_00000000000000000000000000000000000000000003xT4ax'
const SCANNED = /\bcsk_[0-9A-Za-z]{11}_[0-9A-Za-z]{49}\b/g
const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const wrong = (step: string) => ({ code: 'api-key-invalid', status: 401, detail: { step } })

describe('crc32', () => {
  it('is the one that others have', () => {
    expect(crc32('123456789')).toBe(0xcbf43926)
    expect(crc32('')).toBe(0)
    // Node has it from 20.15 on.
    if (zlibCrc32 === undefined) return
    fc.assert(fc.property(fc.string({ unit: 'grapheme-ascii' }), (text) => crc32(text) === zlibCrc32(text)))
  })
})

describe('base62', () => {
  it('writes numbers with a fixed number of digits', () => {
    expect([toDigits(0, 6), toDigits(61, 6), toDigits(62, 6), toDigits(0xffffffff, 6)]).toEqual([
      '000000',
      '00000z',
      '000010',
      '4gfFC3',
    ])
  })

  it('draws each digit as often as any other', () => {
    const counts = new Map<string, number>()
    for (const digit of randomDigits(62_000)) counts.set(digit, (counts.get(digit) ?? 0) + 1)
    expect([...counts.keys()].sort().join('')).toBe(DIGITS)
    // Chi-squared with 61 degrees of freedom: above 135 once in ten million runs. A remainder of a byte makes it 500.
    const chi = [...counts.values()].reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0)
    expect(chi).toBeLessThan(135)
  })
})

describe('the text of an API key', () => {
  it('is one word that scanners find, with 256 bits at random', () => {
    const { id, text } = newKeyText()
    const line = `headers: { "x-api-key": "${text}" }, // ${text}.`
    expect(line.match(SCANNED)).toEqual([text, text])
    expect([idOfKey(text), KEY_ID.test(id), text.length]).toEqual([id, true, 65])
    expect(Math.log2(62) * 43).toBeGreaterThan(256)
    const made = Array.from({ length: 100 }, newKeyText)
    expect(new Set(made.flatMap((one) => [one.id, one.text])).size).toBe(200)
  })

  it('what is not spelled as API keys are is refused', () => {
    const { text } = newKeyText()
    for (const bad of ['', 'csk_', text.slice(1), `${text} `, ` ${text}`, `${text}\n`, `${text}a`, text.slice(0, -1)])
      expect(refusal(() => idOfKey(bad))).toMatchObject(wrong('format'))
    for (const bad of [text.toUpperCase(), text.replace('_', '-'), text.replace(/.$/, '+'), `${text}, ${text}`])
      expect(refusal(() => idOfKey(bad))).toMatchObject(wrong('format'))
    expect(refusal(() => idOfKey(text.replace(/.$/, '\u0660')))).toMatchObject(wrong('format'))
  })

  it('an API key whose checksum does not hold is refused before any store is asked', () => {
    const { text } = newKeyText()
    for (let at = 4; at < text.length; at++) {
      if (text[at] === '_') continue
      const other = DIGITS[(DIGITS.indexOf(text.charAt(at)) + 1) % 62]
      const mistyped = text.slice(0, at) + other + text.slice(at + 1)
      expect(refusal(() => idOfKey(mistyped))).toMatchObject(wrong('checksum'))
    }
  })

  it('never stands in an error', () => {
    const { text } = newKeyText()
    const error = refusal(() => idOfKey(`${text.slice(0, -1)}!`))
    expect(JSON.stringify([error, error.message, error.detail, error.stack])).not.toContain(text.slice(16, 40))
  })

  it('and its hash are what the page says', async () => {
    expect(idOfKey(SAMPLE)).toBe('0123456789A')
    const hash = createHash('sha256').update(`countersign api key v1\0${SAMPLE}`).digest('base64url')
    expect(await hashOfKey(SAMPLE)).toBe(hash)
    expect(hash).toHaveLength(43)
  })
})
