import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fromBase64, fromBase64url, toBase64, toBase64url } from '../../src/core/base64url.ts'
import { utf8 } from '../../src/core/bytes.ts'

// RFC 4648 §10
const published: readonly (readonly [string, string])[] = [
  ['', ''],
  ['f', 'Zg=='],
  ['fo', 'Zm8='],
  ['foo', 'Zm9v'],
  ['foob', 'Zm9vYg=='],
  ['fooba', 'Zm9vYmE='],
  ['foobar', 'Zm9vYmFy'],
]

describe('base64', () => {
  it.each(published)('encodes and decodes the published example %o', (text, encoded) => {
    const plain = encoded.replaceAll('=', '')
    expect(toBase64(utf8(text))).toBe(encoded)
    expect(fromBase64(encoded)).toEqual(utf8(text))
    expect(toBase64url(utf8(text))).toBe(plain)
    expect(fromBase64url(plain)).toEqual(utf8(text))
  })

  it('keeps the alphabets apart', () => {
    const bytes = Uint8Array.of(0xfb, 0xff, 0xfe)
    expect([toBase64(bytes), toBase64url(bytes)]).toEqual(['+//+', '-__-'])
    expect(fromBase64('-__-')).toBeUndefined()
    expect(fromBase64url('+//+')).toBeUndefined()
  })

  it('refuses every spelling but one', () => {
    for (const text of ['Zg==', 'Zg=', 'Zh', 'Zm9', 'Z', 'Zm9v\n', ' Zm9v', 'Zm 9v', 'Zm9vä', 'Zm9v\0', 'Zm9v.']) {
      expect(fromBase64url(text), text).toBeUndefined()
    }
    for (const text of ['Zg', 'Zg=', 'Zh==', 'Zm9=', 'Z===', '====', 'Zg==Zg==', '=Zg=', 'Zm9v=', 'Zg==\n']) {
      expect(fromBase64(text), text).toBeUndefined()
    }
  })

  it('agrees with another implementation, both ways', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        const buffer = Buffer.from(bytes)
        expect(toBase64url(bytes)).toBe(buffer.toString('base64url'))
        expect(toBase64(bytes)).toBe(buffer.toString('base64'))
        expect(Buffer.from(fromBase64url(toBase64url(bytes)) ?? [])).toEqual(buffer)
        expect(Buffer.from(fromBase64(toBase64(bytes)) ?? [])).toEqual(buffer)
      }),
    )
  })

  it('decodes nothing that it would write otherwise', () => {
    const symbols = 'ABCDZabcdz0189-_+/=. '
    const text = fc.string({ unit: fc.constantFrom(...symbols), maxLength: 12 })
    fc.assert(
      fc.property(text, (encoded) => {
        const [url, standard] = [fromBase64url(encoded), fromBase64(encoded)]
        if (url !== undefined) expect(toBase64url(url)).toBe(encoded)
        if (standard !== undefined) expect(toBase64(standard)).toBe(encoded)
      }),
      { numRuns: 1000 },
    )
  })
})
