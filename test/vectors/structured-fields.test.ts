import { describe, expect } from 'vitest'
import { isCountersignError } from '../../src/core/errors.ts'
import { parseDictionary, parseItem, parseList } from '../../src/signature/structured-fields/parse.ts'
import { serializeDictionary, serializeItem, serializeList } from '../../src/signature/structured-fields/serialize.ts'
import type { BareItem, Dictionary, Item, List, Member } from '../../src/signature/structured-fields/value.ts'
import { vectorFile, vectorIt } from './load.ts'

interface Case {
  name: string
  header_type: 'item' | 'list' | 'dictionary'
  raw?: string[]
  expected?: unknown
  must_fail?: boolean
  can_fail?: boolean
  canonical?: string[]
}

const PARSED = [
  'binary',
  'boolean',
  'date',
  'dictionary',
  'display-string',
  'examples',
  'item',
  'key-generated',
  'large-generated',
  'list',
  'listlist',
  'number-generated',
  'number',
  'param-dict',
  'param-list',
  'param-listlist',
  'string-generated',
  'string',
  'token-generated',
  'token',
]
const SERIALIZED = ['key-generated', 'number', 'string-generated', 'token-generated']

const cases = (name: string) => (vectorFile(`structured-field-tests/${name}.json`) ?? []) as Case[]

/** The test suite's way to write a value in JSON, read back; JSON itself cannot tell 1.0 from 1. */
function bareOf(json: unknown): BareItem {
  if (typeof json === 'number') return Number.isInteger(json) ? json : { type: 'decimal', value: json }
  if (typeof json === 'string' || typeof json === 'boolean') return json
  const { __type, value } = json as { __type: string; value: never }
  if (__type === 'binary') return fromBase32(value)
  if (__type === 'displaystring') return { type: 'display-string', value }
  return { type: __type as 'token', value }
}

function fromBase32(text: string): BareItem {
  let bits = ''
  for (const c of text.replace(/=+$/, ''))
    bits += 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0')
  return Uint8Array.from(bits.match(/.{8}/g) ?? [], (octet) => Number.parseInt(octet, 2))
}

const paramsOf = (json: unknown) => new Map((json as [string, unknown][]).map(([key, value]) => [key, bareOf(value)]))

const itemOf = (json: unknown): Item => {
  const [value, params] = json as [unknown, unknown]
  return { value: bareOf(value), params: paramsOf(params) }
}

function memberOf(json: unknown): Member {
  const [value, params] = json as [unknown, unknown]
  return Array.isArray(value) ? { items: value.map(itemOf), params: paramsOf(params) } : itemOf(json)
}

function expectedOf({ header_type, expected }: Case): Item | List | Dictionary {
  if (header_type === 'item') return itemOf(expected)
  if (header_type === 'list') return (expected as unknown[]).map(memberOf)
  return new Map((expected as [string, unknown][]).map(([key, member]) => [key, memberOf(member)]))
}

function parse({ header_type, raw = [] }: Case) {
  const text = raw.join(', ')
  if (header_type === 'item') return parseItem(text)
  return header_type === 'list' ? parseList(text) : parseDictionary(text)
}

function serialize(type: Case['header_type'], value: Item | List | Dictionary): string {
  if (type === 'item') return serializeItem(value as Item)
  return type === 'list' ? serializeList(value as List) : serializeDictionary(value as Dictionary)
}

/** JSON has one kind of number: where a Decimal stands for it, it is compared as a number. */
const asJson = (value: unknown): unknown =>
  value !== null && typeof value === 'object' && 'type' in value && value.type === 'decimal' && 'value' in value
    ? value.value
    : value instanceof Map
      ? [...value].map(([key, member]) => [key, asJson(member)])
      : Array.isArray(value)
        ? value.map(asJson)
        : value !== null && typeof value === 'object' && !(value instanceof Uint8Array)
          ? Object.fromEntries(Object.entries(value).map(([key, member]) => [key, asJson(member)]))
          : value

function check(test: Case): void {
  const parsed = parse(test)
  if (test.must_fail === true || (test.can_fail === true && parsed === undefined)) {
    expect(parsed, test.name).toBeUndefined()
    return
  }
  if (parsed === undefined) throw new Error(`${test.name}: does not parse`)
  expect(asJson(parsed), test.name).toEqual(asJson(expectedOf(test)))
  const canonical = (test.canonical ?? test.raw ?? []).join(', ')
  expect(serialize(test.header_type, parsed), test.name).toBe(canonical)
}

function checkSerialized(test: Case): void {
  if (test.must_fail !== true) {
    expect(serialize(test.header_type, expectedOf(test)), test.name).toBe((test.canonical ?? []).join(', '))
    return
  }
  try {
    serialize(test.header_type, expectedOf(test))
  } catch (error) {
    expect(isCountersignError(error, 'option-invalid'), test.name).toBe(true)
    return
  }
  expect.fail(`${test.name}: was serialized`)
}

describe('structured fields (httpwg/structured-field-tests)', () => {
  for (const name of PARSED) {
    vectorIt(`parses and serializes ${name}`, () => {
      for (const test of cases(name)) check(test)
    })
  }
  for (const name of SERIALIZED) {
    vectorIt(`serializes ${name}, or refuses to`, () => {
      for (const test of cases(`serialisation-tests/${name}`)) checkSerialized(test)
    })
  }
  vectorIt('are 2,135 cases in all', () => {
    const files = [...PARSED, ...SERIALIZED.map((name) => `serialisation-tests/${name}`)]
    expect(files.flatMap(cases)).toHaveLength(2135)
  })
})
