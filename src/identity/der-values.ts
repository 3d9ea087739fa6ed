import { hex } from '../core/bytes.ts'
import { certificateInvalid } from './certificate-refusal.ts'
import { BIT_STRING, BOOLEAN, type DerReader, GENERALIZED_TIME, INTEGER, OBJECT_IDENTIFIER, UTC_TIME } from './der.ts'

const UTC = /^\d{12}Z$/
const GENERALIZED = /^\d{14}Z$/
/** RFC 5280 §4.1.2.5: until then times are written with two digits for the year, from then on with four. */
const FIRST_LONG_YEAR = 2050

/** Reads a flag that is false by default: DER leaves it out then. */
export function readFlag(reader: DerReader): boolean {
  if (!reader.isNext(BOOLEAN)) return false
  const { content } = reader.next(BOOLEAN)
  // Condition: a flag that is written out although false, or in another spelling of true, is refused.
  if (content.length !== 1 || content[0] !== 0xff) throw certificateInvalid('flag')
  return true
}

/** Reads an integer of zero or more: its bytes, without the zero that says it is not negative. */
export function readUnsigned(reader: DerReader): Uint8Array {
  const { content } = reader.next(INTEGER)
  const [first, second] = content
  // Condition: an integer that is empty, negative or written with needless zeros is refused.
  if (first === undefined || first > 0x7f || (first === 0 && second !== undefined && second < 0x80)) {
    throw certificateInvalid('integer')
  }
  return first === 0 && second !== undefined ? content.subarray(1) : content
}

/** Reads a name of an algorithm, extension or use: its bytes in hexadecimal. */
export function readObjectIdentifier(reader: DerReader): string {
  const { content } = reader.next(OBJECT_IDENTIFIER)
  // Condition: an object identifier that is empty, cut short or padded is refused.
  if (content.length === 0 || (content.at(-1) as number) > 0x7f || isPadded(content)) throw certificateInvalid('oid')
  return hex(content)
}

/** Whether a number of it begins with a byte that says nothing. */
function isPadded(content: Uint8Array): boolean {
  return content.some((byte, i) => byte === 0x80 && (i === 0 || (content[i - 1] as number) < 0x80))
}

/** Reads a string of whole bytes: a key or a signature. */
export function readBitString(reader: DerReader): Uint8Array {
  const { content } = reader.next(BIT_STRING)
  // Condition: a key or signature that is not of whole bytes is refused.
  if (content[0] !== 0) throw certificateInvalid('bit-string')
  return content.subarray(1)
}

/** Reads a set of numbered flags: the first sixteen, the flag 0 highest. */
export function readNamedBits(reader: DerReader): number {
  const { content } = reader.next(BIT_STRING)
  const unused = content[0] ?? 8
  const last = content.at(-1) ?? 0
  // Condition: a set of flags that is empty, or ends in others than the last one that is set, is refused.
  if (unused > 7 || content.length < 2 || (last & ((2 << unused) - 1)) !== 1 << unused) {
    throw certificateInvalid('named-bits')
  }
  return ((content[1] as number) << 8) | (content[2] ?? 0)
}

/** Reads a time as RFC 5280 §4.1.2.5 has it: epoch milliseconds. */
export function readTime(reader: DerReader): number {
  const isUtc = reader.isNext(UTC_TIME)
  const text = String.fromCharCode(...reader.next(isUtc ? UTC_TIME : GENERALIZED_TIME).content.subarray(0, 16))
  // Condition: a time that is not written to the second and in UTC is refused.
  if (!(isUtc ? UTC : GENERALIZED).test(text)) throw certificateInvalid('time')
  const digits = isUtc ? (text < '5' ? '20' : '19') + text : text
  const part = (from: number) => Number(digits.slice(from, from + 2))
  const year = Number(digits.slice(0, 4))
  const ms = Date.UTC(year, part(4) - 1, part(6), part(8), part(10), part(12))
  // Condition: a time before 2050 in the long form, or one that no calendar has, is refused.
  if ((!isUtc && year < FIRST_LONG_YEAR) || spell(ms) !== digits.slice(0, 14)) throw certificateInvalid('time')
  return ms
}

function spell(ms: number): string {
  return new Date(ms).toISOString().replace(/[-:T]/g, '').slice(0, 14)
}
