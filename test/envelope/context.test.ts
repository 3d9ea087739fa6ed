import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hex, utf8 } from '../../src/core/bytes.ts'
import { type EnvelopeContext, encodeContext } from '../../src/envelope/context.ts'
import { failureOf } from './fixtures.ts'

describe('encodeContext', () => {
  it('a context that is not a record of strings is refused', async () => {
    for (const wrong of [null, 'text', 7]) {
      const failure = await failureOf(() => encodeContext(wrong as unknown as EnvelopeContext))
      expect(failure).toEqual({ code: 'option-invalid', option: 'context' })
    }
    for (const value of [1, null, undefined, ['a'], {}]) {
      const failure = await failureOf(() => encodeContext({ id: value } as unknown as EnvelopeContext))
      expect(failure).toEqual({ code: 'option-invalid', option: 'context.id' })
    }
  })

  it('encodes the empty context as a count of zero', () => {
    expect(encodeContext({})).toEqual(Uint8Array.of(0, 0))
  })

  it('sorts by the bytes of the keys, not by UTF-16', () => {
    // U+FF5E sorts before U+1F600 by bytes, after it by UTF-16 units.
    const encoded = encodeContext({ '\u{1f600}': 'b', '\uff5e': 'a', é: 'é' }) as Uint8Array
    const expected = ['0003', '0002c3a9', '0002c3a9', '0003efbd9e', '000161', '0004f09f9880', '000162'].join('')
    expect(hex(encoded)).toBe(expected)
  })

  it('does not mind the order in which keys were given', () => {
    expect(encodeContext({ a: '1', b: '2', ab: '3' })).toEqual(encodeContext({ ab: '3', b: '2', a: '1' }))
  })

  it('has no encoding for what does not fit or is not well formed', () => {
    const long = 'x'.repeat(65_536)
    const many = Object.fromEntries(Array.from({ length: 65_536 }, (_, i) => [String(i), '']))
    for (const context of [{ a: long }, { [long]: 'a' }, { a: '\ud800' }, { '\udfff': 'a' }, many]) {
      expect(encodeContext(context)).toBeUndefined()
    }
    expect(encodeContext({ a: 'x'.repeat(65_535) })?.length).toBe(2 + 3 + 65_537)
  })

  it('gives two contexts two encodings', () => {
    const context = fc.dictionary(fc.string({ unit: 'grapheme', maxLength: 6 }), fc.string({ maxLength: 6 }))
    fc.assert(
      fc.property(context, context, (a, b) => {
        const [one, two] = [encodeContext(a), encodeContext(b)] as [Uint8Array, Uint8Array]
        const plain = (value: EnvelopeContext) =>
          JSON.stringify(Object.entries(value).sort(([x], [y]) => (hex(utf8(x)) < hex(utf8(y)) ? -1 : 1)))
        expect(hex(one) === hex(two)).toBe(plain(a) === plain(b))
      }),
    )
  })
})
