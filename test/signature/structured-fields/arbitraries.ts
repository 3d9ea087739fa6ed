import fc from 'fast-check'
import type {
  BareItem,
  Dictionary,
  InnerList,
  Item,
  List,
  Params,
} from '../../../src/signature/structured-fields/value.ts'

const LARGEST = 999_999_999_999_999
const KEYS = 'abcxyz*'
const keys = fc
  .tuple(fc.constantFrom(...KEYS), fc.string({ unit: fc.constantFrom(...KEYS, ...'019_-.'), maxLength: 6 }))
  .map(([first, rest]) => first + rest)
const tokens = fc
  .tuple(fc.constantFrom(...'aZ*'), fc.string({ unit: fc.constantFrom(..."aZ09:/!#$%&'*+-.^_`|~"), maxLength: 8 }))
  .map(([first, rest]) => first + rest)

const bareItems: fc.Arbitrary<BareItem> = fc.oneof(
  fc.integer({ min: -LARGEST, max: LARGEST }),
  fc.boolean(),
  fc.string({ unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)) }),
  fc.uint8Array({ maxLength: 40 }).map((bytes) => Uint8Array.from(bytes)),
  tokens.map((value) => ({ type: 'token' as const, value })),
  fc.integer({ min: -LARGEST, max: LARGEST }).map((value) => ({ type: 'date' as const, value })),
  fc.integer({ min: -LARGEST, max: LARGEST }).map((value) => ({ type: 'decimal' as const, value: value / 1000 })),
  fc.string({ unit: 'grapheme' }).map((value) => ({ type: 'display-string' as const, value })),
)

const params: fc.Arbitrary<Params> = fc
  .array(fc.tuple(keys, bareItems), { maxLength: 4 })
  .map((pairs) => new Map(pairs))

/** Items, lists and dictionaries of all types. */
export const items: fc.Arbitrary<Item> = fc.record({ value: bareItems, params }, { noNullPrototype: true })

const innerLists: fc.Arbitrary<InnerList> = fc.record(
  { items: fc.array(items, { maxLength: 4 }), params },
  { noNullPrototype: true },
)

export const lists: fc.Arbitrary<List> = fc.array(fc.oneof(items, innerLists), { maxLength: 5 })

export const dictionaries: fc.Arbitrary<Dictionary> = fc
  .array(fc.tuple(keys, fc.oneof(items, innerLists)), { maxLength: 5 })
  .map((pairs) => new Map(pairs))
