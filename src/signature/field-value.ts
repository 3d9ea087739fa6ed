import { toBase64 } from '../core/base64url.ts'
import type { Fields } from '../core/message.ts'
import type { Component } from './component.ts'
import { type FieldType, type FieldTypes, KNOWN_TYPES } from './structured-fields/field-types.ts'
import { parseDictionary, parseItem, parseList } from './structured-fields/parse.ts'
import { serializeDictionary, serializeItem, serializeList, serializeMember } from './structured-fields/serialize.ts'
import { underivable } from './underivable.ts'

/** The value of a field component (RFC 9421 §2.1). */
export function fieldValue(component: Component, fields: Fields, types?: FieldTypes): string {
  const { name, bs, sf, member } = component
  if (bs) return bytesOf(component, fields)
  const text = fields.get(name)
  // Condition: a covered field that the message lacks has no value.
  if (text === undefined) throw underivable(name)
  const value = unfold(text)
  if (member !== undefined) return memberOf(component, value, types)
  return sf ? reserialized(component, value, types) : value
}

/** Replaces obsolete line folding, with the white space around it, by one space; the usual value has none. */
function unfold(value: string): string {
  if (!value.includes('\n')) return value
  return value
    .split(/\r?\n[ \t]+/)
    .map(withoutTrailingSpace)
    .join(' ')
}

function withoutTrailingSpace(line: string): string {
  let end = line.length
  while (end > 0 && (line.charCodeAt(end - 1) === 0x20 || line.charCodeAt(end - 1) === 0x09)) end--
  return line.slice(0, end)
}

function bytesOf({ name }: Component, fields: Fields): string {
  const instances = fields.all(name)
  if (instances.length === 0) throw underivable(name)
  return instances.map((instance) => `:${toBase64(octets(name, unfold(instance)))}:`).join(', ')
}

/** A header value holds one octet a character. */
function octets(name: string, value: string): Uint8Array {
  const bytes = new Uint8Array(value.length)
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i)
    // Condition: a covered field whose characters are not octets has no bytes to cover.
    if (code > 0xff) throw underivable(name)
    bytes[i] = code
  }
  return bytes
}

function typeOf(name: string, types: FieldTypes | undefined): FieldType | undefined {
  return types?.get(name) ?? KNOWN_TYPES.get(name)
}

function memberOf({ name, member = '' }: Component, value: string, types: FieldTypes | undefined): string {
  // Condition: a member of a field that is no dictionary has no value.
  if ((typeOf(name, types) ?? 'dictionary') !== 'dictionary') throw underivable(name)
  const found = parseDictionary(value)?.get(member)
  // Condition: a member that the dictionary lacks has no value.
  if (found === undefined) throw underivable(name)
  return serializeMember(found)
}

function reserialized({ name }: Component, value: string, types: FieldTypes | undefined): string {
  const text = reserialize(typeOf(name, types), value)
  // Condition: a field of unknown structure, or not of its structure, cannot be covered by "sf".
  if (text === undefined) throw underivable(name)
  return text
}

function reserialize(type: FieldType | undefined, value: string): string | undefined {
  if (type === 'item') {
    const item = parseItem(value)
    return item && serializeItem(item)
  }
  if (type === 'list') {
    const list = parseList(value)
    return list && serializeList(list)
  }
  const dictionary = type === 'dictionary' ? parseDictionary(value) : undefined
  return dictionary && serializeDictionary(dictionary)
}
