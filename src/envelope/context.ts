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
  const pairs: { key: Bytes; value: Bytes }[] = []
  for (const [name, text] of Object.entries(context)) {
    if (typeof text !== 'string') throw optionInvalid(`context.${name}`, 'give a string')
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
