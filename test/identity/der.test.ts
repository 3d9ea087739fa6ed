import { describe, expect, it } from 'vitest'
import { concat } from '../../src/core/bytes.ts'
import { assertDer, DerReader, onlyElement, SEQUENCE } from '../../src/identity/der.ts'
import {
  readBitString,
  readFlag,
  readNamedBits,
  readObjectIdentifier,
  readTime,
  readUnsigned,
} from '../../src/identity/der-values.ts'
import { refusal } from '../core/refusal.ts'
import { bitString, boolean, element, integer, octetString, oid, sequence, set, time } from '../support/der.ts'

const bytes = (...values: readonly number[]) => Uint8Array.from(values)
const reader = (content: Uint8Array) => new DerReader(content)
const ascii = (text: string) => new TextEncoder().encode(text)

/** By which rule it falls. */
const stepOf = (attempt: () => unknown) => {
  const { code, detail } = refusal(attempt)
  return [code, detail.step]
}
const falls = (step: string) => ['certificate-invalid', step]

describe('the structure of DER', () => {
  it('is walked through as a whole', () => {
    const long = octetString(new Uint8Array(300))
    expect(() =>
      assertDer(sequence(integer(1), set(long), element(0x86, bytes(1)), octetString(new Uint8Array(130)))),
    ).not.toThrow()
    expect(() => assertDer(new Uint8Array())).not.toThrow()
  })

  it('DER that ends before a length is refused', () => {
    expect(stepOf(() => assertDer(bytes(0x30)))).toEqual(falls('der-header'))
    expect(stepOf(() => reader(bytes()).any())).toEqual(falls('der-header'))
  })

  it('DER with a tag of several bytes is refused', () => {
    expect(stepOf(() => assertDer(bytes(0x9f, 0x00)))).toEqual(falls('der-tag'))
    expect(stepOf(() => assertDer(sequence(bytes(0xbf, 0x00))))).toEqual(falls('der-tag'))
  })

  it('DER of indefinite length, or with a length of more than two bytes, is refused', () => {
    expect(stepOf(() => assertDer(bytes(0x30, 0x80, 0x00, 0x00)))).toEqual(falls('der-length'))
    expect(stepOf(() => assertDer(bytes(0x30, 0x83, 0x00, 0x00, 0x00)))).toEqual(falls('der-length'))
    const huge = concat(bytes(0x04, 0x83, 0x01, 0x00, 0x00), new Uint8Array(65_536))
    expect(stepOf(() => assertDer(huge))).toEqual(falls('der-length'))
    expect(stepOf(() => assertDer(bytes(0x30, 0xff)))).toEqual(falls('der-length'))
  })

  it('DER that writes a length in more bytes than it takes is refused', () => {
    expect(stepOf(() => assertDer(bytes(0x04, 0x81, 0x01, 0x00)))).toEqual(falls('der-length'))
    expect(stepOf(() => assertDer(concat(bytes(0x04, 0x82, 0x00, 0xff), new Uint8Array(255))))).toEqual(
      falls('der-length'),
    )
  })

  it('a DER element that does not end within what holds it is refused', () => {
    expect(stepOf(() => assertDer(bytes(0x04, 0x02, 0x00)))).toEqual(falls('der-cut-short'))
    expect(stepOf(() => assertDer(concat(sequence(bytes(0x04, 0x02, 0x00)), bytes(0x05, 0x00))))).toEqual(
      falls('der-cut-short'),
    )
    expect(stepOf(() => assertDer(bytes(0x04, 0x82, 0x01)))).toEqual(falls('der-cut-short'))
  })

  it('DER that is nested more than sixteen deep is refused', () => {
    let nested = sequence()
    for (let depth = 1; depth < 16; depth++) nested = sequence(nested)
    expect(() => assertDer(nested)).not.toThrow()
    expect(stepOf(() => assertDer(sequence(nested)))).toEqual(falls('der-depth'))
    const deepest = new Uint8Array(65_536)
    for (let i = 0; i < 65_536; i += 2) deepest.set([0x30, 0x00], i)
    expect(() => assertDer(deepest)).not.toThrow()
  })

  it('DER with a string in pieces, or a sequence in one, is refused', () => {
    for (const tag of [0x24, 0x23, 0x10, 0x11, 0x00, 0x22]) {
      expect(
        stepOf(() => assertDer(bytes(tag, 0x00))),
        tag.toString(16),
      ).toEqual(falls('der-tag'))
    }
  })

  it('a certificate with another element where its syntax demands one is refused', () => {
    expect(stepOf(() => reader(set()).next(SEQUENCE))).toEqual(falls('syntax'))
  })

  it('bytes that follow where nothing may follow are refused', () => {
    expect(stepOf(() => onlyElement(concat(sequence(), bytes(0)), SEQUENCE))).toEqual(falls('trailing-bytes'))
  })
})

describe('the values of DER', () => {
  it('a flag that is written out although false, or in another spelling of true, is refused', () => {
    expect(readFlag(reader(boolean()))).toBe(true)
    expect(readFlag(reader(integer(1)))).toBe(false)
    for (const flag of [boolean(0), boolean(1), element(0x01), element(0x01, bytes(0xff, 0xff))]) {
      expect(stepOf(() => readFlag(reader(flag)))).toEqual(falls('flag'))
    }
  })

  it('an integer that is empty, negative or written with needless zeros is refused', () => {
    for (const good of [[0], [1], [0x7f], [0, 0x80], [1, 0]]) {
      const found = [...readUnsigned(reader(integer(...good)))]
      expect(found).toEqual(good.length === 2 && good[0] === 0 ? good.slice(1) : good)
    }
    for (const bad of [[], [0x80], [0xff, 0xff], [0, 0x7f], [0, 0]]) {
      expect(
        stepOf(() => readUnsigned(reader(integer(...bad)))),
        String(bad),
      ).toEqual(falls('integer'))
    }
  })

  it('an object identifier that is empty, cut short or padded is refused', () => {
    expect(readObjectIdentifier(reader(oid('1.2.840.10045.2.1')))).toBe('2a8648ce3d0201')
    for (const bad of [[], [0x55, 0x9d], [0x80, 0x01], [0x55, 0x80, 0x1d]]) {
      expect(stepOf(() => readObjectIdentifier(reader(element(0x06, bytes(...bad)))))).toEqual(falls('oid'))
    }
    expect(readObjectIdentifier(reader(element(0x06, bytes(0x55, 0x81, 0x80, 0x01))))).toBe('55818001')
  })

  it('a key or signature that is not of whole bytes is refused', () => {
    expect([...readBitString(reader(bitString(bytes(1, 2))))]).toEqual([1, 2])
    for (const bad of [bitString(bytes(2), 1), element(0x03)]) {
      expect(stepOf(() => readBitString(reader(bad)))).toEqual(falls('bit-string'))
    }
  })

  it('a set of flags that is empty, or ends in others than the last one that is set, is refused', () => {
    expect(readNamedBits(reader(bitString(bytes(0x80), 7)))).toBe(0x8000)
    expect(readNamedBits(reader(bitString(bytes(0x06), 1)))).toBe(0x0600)
    expect(readNamedBits(reader(bitString(bytes(0x01, 0x80), 7)))).toBe(0x0180)
    const bad = [bitString(bytes()), bitString(bytes(0)), bitString(bytes(0x80)), bitString(bytes(0x81), 7)]
    for (const one of [...bad, bitString(bytes(0x80), 8), bitString(bytes(0xc0), 7), element(0x03)]) {
      expect(stepOf(() => readNamedBits(reader(one)))).toEqual(falls('named-bits'))
    }
  })

  it('reads times of both forms', () => {
    const read = (at: string) => new Date(readTime(reader(time(new Date(at))))).toISOString()
    for (const at of ['2049-12-31T23:59:59.000Z', '2050-01-01T00:00:00.000Z', '2024-02-29T00:00:00.000Z']) {
      expect(read(at)).toBe(at)
    }
    expect(readTime(reader(element(0x17, ascii('500101000000Z'))))).toBe(Date.UTC(1950, 0, 1))
    expect(readTime(reader(element(0x18, ascii('99991231235959Z'))))).toBe(Date.UTC(9999, 11, 31, 23, 59, 59))
  })

  it('a time that is not written to the second and in UTC is refused', () => {
    const utc = [
      '2601010000Z',
      '260101000000',
      '260101000000+0000',
      '260101000000z',
      '',
      '2601010000000Z',
      `260101000000Z${' '.repeat(9)}`,
    ]
    for (const text of utc) expect(stepOf(() => readTime(reader(element(0x17, ascii(text)))))).toEqual(falls('time'))
    for (const text of ['20600101000000.5Z', '206001010000Z', '260101000000Z', '20600101000000+0100']) {
      expect(stepOf(() => readTime(reader(element(0x18, ascii(text)))))).toEqual(falls('time'))
    }
  })

  it('a time before 2050 in the long form, or one that no calendar has, is refused', () => {
    for (const text of [
      '250229000000Z',
      '251301000000Z',
      '250001000000Z',
      '250100000000Z',
      '250101240000Z',
      '250101006000Z',
      '250101000060Z',
    ]) {
      expect(
        stepOf(() => readTime(reader(element(0x17, ascii(text))))),
        text,
      ).toEqual(falls('time'))
    }
    for (const text of ['20491231235959Z', '00000101000000Z', '20600230000000Z', '99999999999999Z']) {
      expect(
        stepOf(() => readTime(reader(element(0x18, ascii(text))))),
        text,
      ).toEqual(falls('time'))
    }
  })
})
