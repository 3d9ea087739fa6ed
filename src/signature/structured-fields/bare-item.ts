import { fromBase64 } from '../../core/base64url.ts'
import { type Bytes, fromUtf8 } from '../../core/bytes.ts'
import { DIGIT, HEX, isOf, TOKEN, TOKEN_START } from './characters.ts'
import { FAILURE, type Reader } from './reader.ts'
import type { BareItem, Decimal, DisplayString, SfDate, Token } from './value.ts'

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COLON = 0x3a
const PERCENT = 0x25

/** Reads one bare item (RFC 9651 §4.2.3.1). */
export function readBareItem(reader: Reader): BareItem {
  const code = reader.peek()
  if (code === QUOTE) return readString(reader)
  if (code === COLON) return readBytes(reader)
  if (code === 0x2d || isOf(code, DIGIT)) return readNumber(reader)
  if (isOf(code, TOKEN_START)) return readToken(reader)
  if (code === 0x3f) return readBoolean(reader)
  if (code === 0x40) return readDate(reader)
  if (code === PERCENT) return readDisplayString(reader)
  throw FAILURE
}

function readNumber(reader: Reader): number | Decimal {
  const sign = reader.take(0x2d) ? -1 : 1
  const whole = reader.run(DIGIT)
  if (whole === '') throw FAILURE
  if (!reader.take(0x2e)) {
    if (whole.length > 15) throw FAILURE
    return signed(sign, Number(whole))
  }
  const fraction = reader.run(DIGIT)
  if (whole.length > 12 || fraction === '' || fraction.length > 3) throw FAILURE
  return { type: 'decimal', value: signed(sign, Number(`${whole}.${fraction}`)) }
}

/** There is one zero. */
function signed(sign: number, value: number): number {
  return value === 0 ? 0 : sign * value
}

function readString(reader: Reader): string {
  reader.at++
  const { text } = reader
  const start = reader.at
  let escapes = 0
  for (let at = start; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) {
      reader.at = at + 1
      const raw = text.slice(start, at)
      return escapes === 0 ? raw : raw.replace(/\\(.)/g, '$1')
    }
    if (code === BACKSLASH) {
      const next = text.charCodeAt(++at)
      if (next !== QUOTE && next !== BACKSLASH) throw FAILURE
      escapes++
    } else if (code < 0x20 || code > 0x7e) throw FAILURE
  }
  throw FAILURE
}

function readToken(reader: Reader): Token {
  return { type: 'token', value: reader.run(TOKEN) }
}

function readBytes(reader: Reader): Bytes {
  const start = reader.at + 1
  const end = reader.text.indexOf(':', start)
  if (end === -1) throw FAILURE
  // Condition: a byte sequence in any but its canonical base64 spelling is refused.
  const bytes = fromBase64(reader.text.slice(start, end))
  if (bytes === undefined) throw FAILURE
  reader.at = end + 1
  return bytes
}

function readBoolean(reader: Reader): boolean {
  reader.at++
  if (reader.take(0x31)) return true
  reader.expect(0x30)
  return false
}

function readDate(reader: Reader): SfDate {
  reader.at++
  const value = readNumber(reader)
  if (typeof value !== 'number') throw FAILURE
  return { type: 'date', value }
}

function readDisplayString(reader: Reader): DisplayString {
  reader.at++
  reader.expect(QUOTE)
  const { text } = reader
  const bytes: number[] = []
  for (; ; reader.at++) {
    const code = reader.peek()
    if (code === QUOTE) break
    // At the end the code is NaN, which no comparison holds for.
    if (!(code >= 0x20 && code <= 0x7e)) throw FAILURE
    if (code !== PERCENT) bytes.push(code)
    else {
      if (!isOf(text.charCodeAt(reader.at + 1), HEX) || !isOf(text.charCodeAt(reader.at + 2), HEX)) throw FAILURE
      bytes.push(Number.parseInt(text.slice(reader.at + 1, reader.at + 3), 16))
      reader.at += 2
    }
  }
  reader.at++
  return { type: 'display-string', value: decode(bytes) }
}

function decode(bytes: readonly number[]): string {
  try {
    return fromUtf8(Uint8Array.from(bytes))
  } catch {
    throw FAILURE
  }
}
