import { type Bytes, concat, fromUtf8, utf8 } from '../core/bytes.ts'
import { optionInvalid } from './misuse.ts'

/**
 * What an envelope belongs to: both sides know it already, so it is authenticated and not sent. An envelope opens
 * under the very context it was sealed under and under no other. Order does not count.
 *
 * @see SVE1 §10.4
 */
export type EnvelopeContext = Readonly<Record<string, string>>

const MAX_U16 = 65_535
const MAX_ASCII = 0x7f

function byteOrder(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length)
  for (let i = 0; i < shared; i++) {
    const difference = (a[i] as number) - (b[i] as number)
    if (difference !== 0) return difference
  }
  return a.length - b.length
}

/** The bytes of a text after their length; undefined where there is no such encoding. */
function lengthPrefixed(text: string): Bytes | undefined {
  const bytes = utf8(text)
  if (bytes.length > MAX_U16) return undefined
  // A lone surrogate becomes U+FFFD: two texts would share one encoding.
  if (bytes.length !== text.length && fromUtf8(bytes) !== text) return undefined
  const field = new Uint8Array(2 + bytes.length)
  field[0] = bytes.length >> 8
  field[1] = bytes.length & 0xff
  field.set(bytes, 2)
  return field
}

/** Encodes a context, or gives undefined for one that has no encoding: no envelope can belong to it. */
export function encodeContext(context: EnvelopeContext): Bytes | undefined {
  // Condition: a context that is not a record of strings is refused.
  if (typeof context !== 'object' || context === null) throw optionInvalid('context', 'give a record of strings')
  for (const name of Object.keys(context)) {
    if (typeof context[name] !== 'string') throw optionInvalid(`context.${name}`, 'give a string')
  }
  return encodePlain(context) ?? encodeAny(context)
}

/** The encoding of a context in ASCII, as those of calls are; undefined for any other. */
function encodePlain(context: EnvelopeContext): Bytes | undefined {
  const names = Object.keys(context)
  let length = 2
  for (const name of names) length += 4 + name.length + (context[name] as string).length
  if (length > MAX_U16) return undefined
  const bytes = new Uint8Array(length)
  putLength(bytes, 0, names.length)
  let at = 2
  // In ASCII the order of texts is the order of their bytes.
  for (const name of inOrder(names) ? names : names.sort()) {
    at = putText(bytes, at, name)
    at = putText(bytes, at, context[name] as string)
    if (Number.isNaN(at)) return undefined
  }
  return bytes
}

function inOrder(names: readonly string[]): boolean {
  for (let i = 1; i < names.length; i++) if ((names[i - 1] as string) > (names[i] as string)) return false
  return true
}

function putLength(bytes: Uint8Array, at: number, length: number): void {
  bytes[at] = length >> 8
  bytes[at + 1] = length & 0xff
}

/** Puts a text after its length and gives what comes behind it; NaN where it is not ASCII. */
function putText(bytes: Uint8Array, at: number, text: string): number {
  putLength(bytes, at, text.length)
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code > MAX_ASCII) return Number.NaN
    bytes[at + 2 + i] = code
  }
  return at + 2 + text.length
}

function encodeAny(context: EnvelopeContext): Bytes | undefined {
  const pairs: { key: Bytes; value: Bytes }[] = []
  for (const [name, text] of Object.entries(context)) {
    const key = lengthPrefixed(name)
    const value = lengthPrefixed(text)
    if (key === undefined || value === undefined) return undefined
    pairs.push({ key, value })
  }
  if (pairs.length > MAX_U16) return undefined
  pairs.sort((a, b) => byteOrder(a.key.subarray(2), b.key.subarray(2)))
  const count = Uint8Array.of(pairs.length >> 8, pairs.length & 0xff)
  return concat(count, ...pairs.flatMap(({ key, value }) => [key, value]))
}
