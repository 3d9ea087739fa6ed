import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  parseDictionary,
  parseItem,
  parseList,
  parseUniqueDictionary,
} from '../../../src/signature/structured-fields/parse.ts'
import {
  serializeDictionary,
  serializeItem,
  serializeList,
} from '../../../src/signature/structured-fields/serialize.ts'
import { dictionaries, items, lists } from './arbitraries.ts'

describe('parsing structured fields', () => {
  it('takes the last of two members, in the place of the first', () => {
    const dictionary = parseDictionary('a=1, b=2, a=3;x;y=1;x=?0')
    expect([...(dictionary ?? [])]).toEqual([
      [
        'a',
        {
          value: 3,
          params: new Map<string, unknown>([
            ['x', false],
            ['y', 1],
          ]),
        },
      ],
      ['b', { value: 2, params: new Map() }],
    ])
  })

  it('two members of one name in a signature field are refused', () => {
    expect(parseUniqueDictionary('a=1, b=2')?.size).toBe(2)
    expect(parseUniqueDictionary('a=1, b=2, a=1')).toBeUndefined()
  })

  it('two parameters of one name in a signature field are refused', () => {
    expect(parseUniqueDictionary('a=("b";c;d);e')?.size).toBe(1)
    expect(parseUniqueDictionary('a=();e=1;e=1')).toBeUndefined()
    expect(parseUniqueDictionary('a=("b";c;c)')).toBeUndefined()
  })

  it('knows white space only where it may be', () => {
    expect(parseList('  1 \t,\t 2  ')).toHaveLength(2)
    expect(parseList('(  1   2  );  a')).toEqual([
      {
        items: [
          { value: 1, params: new Map() },
          { value: 2, params: new Map() },
        ],
        params: new Map([['a', true]]),
      },
    ])
    for (const text of ['1,', '1,,2', '1 2', '\t1', '(1\t2)', '(1', '(1"a")', '1 ;a', '1;A', '((1))']) {
      expect(parseList(text), text).toBeUndefined()
    }
  })

  it('an empty list and an empty dictionary are nothing', () => {
    expect(parseList('')).toEqual([])
    expect(parseDictionary('  ')?.size).toBe(0)
    expect(parseItem('')).toBeUndefined()
  })
})

const texts = fc.oneof(
  fc.string(),
  fc.string({ unit: fc.constantFrom(...'ab1-.,;=()"\\:?@% \t*A/\n\u00e9') }),
  fc.string({ unit: 'binary' }),
)

describe('properties of structured fields', () => {
  it('a parser answers or fails, and never throws', () => {
    fc.assert(
      fc.property(texts, (text) => {
        for (const parse of [parseItem, parseList, parseDictionary, parseUniqueDictionary]) parse(text)
      }),
      { numRuns: 500 },
    )
  })

  it('what parses is the same after it was written and read again', () => {
    fc.assert(
      fc.property(texts, (text) => {
        const list = parseList(text)
        if (list === undefined) return
        expect(parseList(serializeList(list))).toEqual(list)
      }),
      { numRuns: 500 },
    )
  })

  it('what is written reads as what it was', () => {
    const itemHolds = fc.property(items, (item) => {
      expect(parseItem(serializeItem(item))).toEqual(item)
    })
    const listHolds = fc.property(lists, (list) => {
      expect(parseList(serializeList(list))).toEqual(list)
    })
    const dictionaryHolds = fc.property(dictionaries, (dictionary) => {
      expect(parseUniqueDictionary(serializeDictionary(dictionary))).toEqual(dictionary)
    })
    fc.assert(itemHolds, { numRuns: 300 })
    fc.assert(listHolds, { numRuns: 200 })
    fc.assert(dictionaryHolds, { numRuns: 200 })
  })

  it('a long field takes no more than its length', () => {
    const many = Array.from({ length: 4000 }, (_, i) => `k${i}`).join(',')
    expect(parseUniqueDictionary(many)?.size).toBe(4000)
    expect(parseItem('('.repeat(100_000))).toBeUndefined()
    expect(parseList('('.repeat(100_000))).toBeUndefined()
    expect(parseItem(`"${'\\\\'.repeat(50_000)}`)).toBeUndefined()
  })
})
