import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { concat } from '../../src/core/bytes.ts'
import { isCountersignError } from '../../src/core/errors.ts'
import { parseHeader, type WrappedKey } from '../../src/envelope/header.ts'
import { encodeKid } from '../../src/envelope/recipient-type.ts'
import { CHUNKED } from '../../src/envelope/suite.ts'
import { failureOf, headOf, pattern } from './fixtures.ts'

const MAC = new Uint8Array(32).fill(9)

function wrapped(kid: string, typeId = 1, bodyBytes = 72): WrappedKey {
  return { typeId, kidField: encodeKid(kid), body: pattern(bodyBytes) }
}

function headerOf(...recipients: WrappedKey[]): Uint8Array {
  return concat(headOf({ suite: CHUNKED, recipients, salt: pattern(24), commitment: pattern(32) }), MAC)
}

function changed(header: Uint8Array, at: number, value: number): Uint8Array {
  const copy = Uint8Array.from(header)
  copy[at] = value
  return copy
}

const stepOf = async (bytes: Uint8Array) => {
  const failure = await failureOf(() => parseHeader(bytes))
  return failure.code === 'unopened' ? failure.step : failure.code
}

describe('parseHeader', () => {
  it('reads what was written, unknown types passed over', () => {
    const header = parseHeader(headerOf(wrapped('a'), wrapped('?', 0x7e, 3), wrapped('ä', 0x11, 80)))
    expect(header.recipients.map(({ typeId, known }) => [typeId, known?.kid, known?.body.length])).toEqual([
      [1, 'a', 72],
      [0x7e, undefined, undefined],
      [0x11, 'ä', 80],
    ])
    expect(header.salt).toEqual(pattern(24))
    expect(header.commitment).toEqual(pattern(32))
    expect(header.mac).toEqual(MAC)
    expect(header.covered.length).toBe(header.bytes - 32)
  })

  it('an envelope that ends within its header is refused', async () => {
    const header = headerOf(wrapped('a'), wrapped('b', 0x10, 113))
    for (let end = 0; end < header.length; end++) {
      expect(await stepOf(header.subarray(0, end)), `cut at ${end}`).toBe('truncated')
    }
    expect(await stepOf(header)).toBe('none')
  })

  it('an envelope with another magic is refused', async () => {
    const header = headerOf(wrapped('a'))
    for (const at of [0, 1, 2, 3]) expect(await stepOf(changed(header, at, 0x32))).toBe('malformed')
  })

  it('an envelope of an unknown suite is refused', async () => {
    for (const suite of [0, 4, 0x7f, 0xff]) {
      expect(await stepOf(changed(headerOf(wrapped('a')), 4, suite))).toBe('unsupported')
    }
  })

  it('an envelope with a flag is refused', async () => {
    for (const flags of [1, 0x80, 0xff]) {
      expect(await stepOf(changed(headerOf(wrapped('a')), 5, flags))).toBe('unsupported')
    }
  })

  it('an envelope without a recipient or with more than 32 is refused', async () => {
    const many = Array.from({ length: 33 }, (_, i) => wrapped(`k${i}`))
    expect(await stepOf(headerOf(...many.slice(1)))).toBe('none')
    expect(await stepOf(headerOf(...many))).toBe('malformed')
    expect(await stepOf(headerOf())).toBe('malformed')
    expect(await stepOf(changed(headerOf(wrapped('a')), 6, 1))).toBe('malformed')
  })

  it('an envelope whose header is longer than 16,384 bytes is refused', async () => {
    const fits = 16_384 - 8 - 88 - 3 - 2
    expect(await stepOf(headerOf(wrapped('?', 0x7e, fits)))).toBe('none')
    expect(await stepOf(headerOf(wrapped('?', 0x7e, fits + 1)))).toBe('malformed')
    // Told from the announced length, whether the bytes are there or not.
    expect(await stepOf(headerOf(wrapped('?', 0x7e, fits + 1)).subarray(0, 40))).toBe('malformed')
  })

  it('a recipient of another length than its type and key id demand is refused', async () => {
    for (const [typeId, bytes] of [
      [1, 72],
      [0x10, 113],
      [0x11, 80],
    ] as const) {
      expect(await stepOf(headerOf(wrapped('a', typeId, bytes)))).toBe('none')
      expect(await stepOf(headerOf(wrapped('a', typeId, bytes - 1)))).toBe('malformed')
      expect(await stepOf(headerOf(wrapped('a', typeId, bytes + 1)))).toBe('malformed')
      expect(await stepOf(headerOf({ ...wrapped('a', typeId, bytes), kidField: Uint8Array.of(0) }))).toBe('malformed')
      const none = { typeId, kidField: new Uint8Array(0), body: new Uint8Array(0) }
      expect(await stepOf(headerOf(none))).toBe('malformed')
    }
  })

  it('a key id that is not UTF-8 is refused', async () => {
    for (const bytes of [[0xff], [0xc3], [0xed, 0xa0, 0x80], [0xc0, 0xaf]]) {
      const kidField = Uint8Array.of(bytes.length, ...bytes)
      expect(await stepOf(headerOf({ ...wrapped('a'), kidField }))).toBe('malformed')
    }
  })

  it('an envelope with two recipients of one type and key id is refused', async () => {
    expect(await stepOf(headerOf(wrapped('a'), wrapped('b'), wrapped('a')))).toBe('malformed')
    expect(await stepOf(headerOf(wrapped('a'), wrapped('a', 0x11, 80)))).toBe('none')
  })

  it('an envelope for a session and for anybody else besides is refused', async () => {
    expect(await stepOf(headerOf(wrapped('a', 0x03, 0)))).toBe('none')
    expect(await stepOf(headerOf(wrapped('a', 0x03, 0), wrapped('b')))).toBe('malformed')
    expect(await stepOf(headerOf(wrapped('b', 0x77, 5), wrapped('a', 0x03, 0)))).toBe('malformed')
  })

  it('neither crashes nor hangs nor knows another code, whatever it is given', () => {
    const start = Uint8Array.of(0x53, 0x56, 0x45, 0x31, 1, 0, 0)
    const good = headerOf(wrapped('a'), wrapped('b', 0x10, 113), wrapped('c', 0x77, 5))
    const prefixed = fc.uint8Array({ maxLength: 400 }).map((rest) => concat(start, rest))
    const edits = fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 })
    const mutated = fc.tuple(edits, fc.nat(good.length)).map(([list, end]) => {
      const copy = Uint8Array.from(good)
      for (const [at, value] of list) copy[at] = value
      return end % 3 === 0 ? copy.subarray(0, end) : copy
    })
    const input = fc.oneof(fc.uint8Array({ maxLength: 400 }), prefixed, mutated)
    const steps = ['malformed', 'unsupported', 'truncated']
    const check = (bytes: Uint8Array): void => {
      try {
        expect(parseHeader(bytes).bytes).toBeLessThanOrEqual(bytes.length)
      } catch (error) {
        if (!isCountersignError(error, 'unopened')) throw error
        expect(steps).toContain(error.detail.step)
      }
    }
    fc.assert(fc.property(input, check), { numRuns: 20_000 })
  })
})
