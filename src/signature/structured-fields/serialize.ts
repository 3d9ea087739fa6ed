import { toBase64 } from '../../core/base64url.ts'
import { fromUtf8, utf8 } from '../../core/bytes.ts'
import { CountersignError } from '../../core/errors.ts'
import { isAllOf, isOf, KEY, KEY_START, TOKEN, TOKEN_START } from './characters.ts'
import type { BareItem, InnerListToWrite, ItemToWrite, ParamsToWrite } from './value.ts'

const LARGEST_INTEGER = 999_999_999_999_999

function unwritable(what: string): CountersignError {
  return new CountersignError('option-invalid', {
    detail: { option: what, fix: 'it cannot be written in a header field' },
  })
}

/** Writes an Item (RFC 9651 §4.1.3). */
export function serializeItem(item: ItemToWrite): string {
  return serializeBareItem(item.value) + serializeParams(item.params)
}

/** Writes an inner list with its parameters (RFC 9651 §4.1.1.1). */
function serializeInnerList(list: InnerListToWrite): string {
  return `(${list.items.map(serializeItem).join(' ')})${serializeParams(list.params)}`
}

/** Writes an item or an inner list as a dictionary names it: `?1` alone is not shortened. */
export function serializeMember(member: ItemToWrite | InnerListToWrite): string {
  return 'items' in member ? serializeInnerList(member) : serializeItem(member)
}

/** Writes a List (RFC 9651 §4.1.1); an empty one is the empty string, and its field should be left out. */
export function serializeList(list: Iterable<ItemToWrite | InnerListToWrite>): string {
  return [...list].map(serializeMember).join(', ')
}

/** Writes a Dictionary (RFC 9651 §4.1.2). */
export function serializeDictionary(members: Iterable<readonly [string, ItemToWrite | InnerListToWrite]>): string {
  const parts: string[] = []
  for (const [key, member] of members) {
    const isFlag = !('items' in member) && member.value === true
    parts.push(serializeKey(key) + (isFlag ? serializeParams(member.params) : `=${serializeMember(member)}`))
  }
  return parts.join(', ')
}

/** Writes parameters (RFC 9651 §4.1.1.2). */
export function serializeParams(params: ParamsToWrite): string {
  let text = ''
  for (const [key, value] of params) {
    text += `;${serializeKey(key)}`
    if (value !== true) text += `=${serializeBareItem(value)}`
  }
  return text
}

/** Checks a key: there is nothing to escape in one. */
export function serializeKey(key: string): string {
  if (!isOf(key.charCodeAt(0), KEY_START) || !isAllOf(key, KEY)) throw unwritable('name of a member or parameter')
  return key
}

function serializeBareItem(value: BareItem): string {
  if (typeof value === 'string') return serializeString(value)
  if (typeof value === 'number') return serializeInteger(value)
  if (typeof value === 'boolean') return value ? '?1' : '?0'
  if (value instanceof Uint8Array) return `:${toBase64(value)}:`
  if (value.type === 'token') return serializeToken(value.value)
  if (value.type === 'date') return `@${serializeInteger(value.value)}`
  if (value.type === 'decimal') return serializeDecimal(value.value)
  return serializeDisplayString(value.value)
}

/** Writes an Integer (RFC 9651 §4.1.4). */
export function serializeInteger(value: number): string {
  if (!Number.isInteger(value) || Math.abs(value) > LARGEST_INTEGER) throw unwritable('number')
  return String(value)
}

/** Three digits after the point at most, halves rounded to the even neighbour. */
function serializeDecimal(value: number): string {
  const thousandths = roundHalfToEven(value * 1000)
  if (!(Math.abs(thousandths) <= LARGEST_INTEGER)) throw unwritable('number')
  const digits = String(Math.abs(thousandths)).padStart(4, '0')
  const fraction = digits.slice(-3).replace(/0{1,2}$/, '')
  return `${thousandths < 0 ? '-' : ''}${digits.slice(0, -3)}.${fraction}`
}

function roundHalfToEven(value: number): number {
  const below = Math.floor(value)
  if (value - below !== 0.5) return Math.round(value)
  return below % 2 === 0 ? below : below + 1
}

/** Writes a String: printable ASCII in quotes. */
export function serializeString(value: string): string {
  let escapes = 0
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i)
    if (code < 0x20 || code > 0x7e) throw unwritable('text')
    if (code === 0x22 || code === 0x5c) escapes++
  }
  return escapes === 0 ? `"${value}"` : `"${value.replace(/["\\]/g, '\\$&')}"`
}

function serializeToken(value: string): string {
  if (!isOf(value.charCodeAt(0), TOKEN_START) || !isAllOf(value, TOKEN)) throw unwritable('token')
  return value
}

function serializeDisplayString(value: string): string {
  const bytes = utf8(value)
  // A lone surrogate has no UTF-8 form; the encoder would replace it in silence.
  if (fromUtf8(bytes) !== value) throw unwritable('text')
  let text = '%"'
  for (const byte of bytes) {
    const isPlain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25 && byte !== 0x22
    text += isPlain ? String.fromCharCode(byte) : `%${byte.toString(16).padStart(2, '0')}`
  }
  return `${text}"`
}
