import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CountersignError } from '../../src/core/errors.ts'
import { Fields } from '../../src/core/message.ts'
import { readSignatureFields } from '../../src/signature/signature-fields.ts'
import { refused } from './refusal.ts'

function read(input: string | string[] | undefined, signature: string | string[] | undefined) {
  const raw = [
    ...[input ?? []].flat().flatMap((value) => ['Signature-Input', value]),
    ...[signature ?? []].flat().flatMap((value) => ['Signature', value]),
  ]
  return readSignatureFields(new Fields(raw))
}

describe('signature fields', () => {
  it('are read in pairs, over all their lines', () => {
    expect(read(undefined, undefined)).toEqual([])
    const entries = read(['a=("x");tag="t"', 'b=()'], ['b=:aGk=:, a=::'])
    expect(entries.map(({ label, signature }) => [label, signature.length])).toEqual([
      ['a', 0],
      ['b', 2],
    ])
    expect(entries[0]?.input.params.get('tag')).toBe('t')
  })

  it('one of Signature and Signature-Input without the other is refused', () => {
    expect(refused(() => read('a=()', undefined))).toEqual(['signature-malformed', 'pair'])
    expect(refused(() => read(undefined, 'a=::'))).toEqual(['signature-malformed', 'pair'])
  })

  it('a label that is in only one of Signature and Signature-Input is refused', () => {
    expect(refused(() => read('a=()', 'b=::'))).toEqual(['signature-malformed', 'label'])
    expect(refused(() => read('a=(), b=()', 'b=::'))).toEqual(['signature-malformed', 'label'])
    expect(refused(() => read('a=()', 'a=::, b=::'))).toEqual(['signature-malformed', 'label'])
    expect(refused(() => read('', 'b=::'))).toEqual(['signature-malformed', 'label'])
  })

  it('a Signature-Input member that is not an inner list is refused', () => {
    for (const input of ['a', 'a="x"', 'a=:aGk=:']) {
      expect(
        refused(() => read(input, 'a=::')),
        input,
      ).toEqual(['signature-malformed', 'signature-input'])
    }
  })

  it('a signature field of more than 8 KiB is refused', () => {
    const long = (length: number) => `a=("${'x'.repeat(length - 6)}")`
    expect(read(long(8192), 'a=::')).toHaveLength(1)
    expect(refused(() => read(long(8193), 'a=::'))).toEqual(['signature-malformed', 'size'])
    expect(refused(() => read('a=()', `a=:${'A'.repeat(8192)}:`))).toEqual(['signature-malformed', 'size'])
    expect(refused(() => read(['a=()', ' '.repeat(10), long(8190)], 'a=::'))).toEqual(['signature-malformed', 'size'])
  })

  it('a signature field that is not a dictionary is refused', () => {
    for (const input of ['a=(', 'a=("x" "y"', 'A=()', 'a=(),', 'a=();x=1;x=2', 'a=() b=()', 'a=(), a=()']) {
      expect(
        refused(() => read(input, 'a=::')),
        input,
      ).toEqual(['signature-malformed', 'dictionary'])
    }
    for (const signature of ['a=:x:', 'a=:aGk:', 'a=::, a=::', ':aGk=:']) {
      expect(
        refused(() => read('a=()', signature)),
        signature,
      ).toEqual(['signature-malformed', 'dictionary'])
    }
  })

  it('a Signature member that is not a byte sequence is refused', () => {
    for (const signature of ['a', 'a=()', 'a="aGk="', 'a=1']) {
      expect(
        refused(() => read('a=()', signature)),
        signature,
      ).toEqual(['signature-malformed', 'signature'])
    }
  })

  it('no text does more than be refused', () => {
    const texts = fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(...'ab=(),;":x1 ') }))
    fc.assert(
      fc.property(texts, texts, (input, signature) => {
        try {
          read(input, signature)
        } catch (error) {
          expect(error).toBeInstanceOf(CountersignError)
        }
      }),
      { numRuns: 500 },
    )
  })
})
