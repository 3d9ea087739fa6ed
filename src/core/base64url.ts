import type { Bytes } from './bytes.ts'

const URL_ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const STANDARD_ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

function valuesOf(alphabet: string): Int8Array {
  const values = new Int8Array(128).fill(-1)
  for (let i = 0; i < alphabet.length; i++) values[alphabet.charCodeAt(i)] = i
  return values
}

const URL_VALUES = valuesOf(URL_ALPHABET)
const STANDARD_VALUES = valuesOf(STANDARD_ALPHABET)

function encode(bytes: Uint8Array, alphabet: string): string {
  let text = ''
  let i = 0
  for (; i + 2 < bytes.length; i += 3) {
    const triple = ((bytes[i] as number) << 16) | ((bytes[i + 1] as number) << 8) | (bytes[i + 2] as number)
    text += alphabet.charAt(triple >> 18) + alphabet.charAt((triple >> 12) & 63)
    text += alphabet.charAt((triple >> 6) & 63) + alphabet.charAt(triple & 63)
  }
  const left = bytes.length - i
  if (left === 0) return text
  const last = ((bytes[i] as number) << 16) | ((left === 2 ? (bytes[i + 1] as number) : 0) << 8)
  text += alphabet.charAt(last >> 18) + alphabet.charAt((last >> 12) & 63)
  return left === 2 ? text + alphabet.charAt((last >> 6) & 63) : text
}

function decode(text: string, values: Int8Array): Bytes | undefined {
  const tail = text.length & 3
  if (tail === 1) return undefined
  const bytes = new Uint8Array((text.length * 3) >> 2)
  let buffer = 0
  let bits = 0
  let at = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    const value = code < 128 ? (values[code] as number) : -1
    if (value < 0) return undefined
    buffer = ((buffer << 6) | value) & 0xffffff
    bits += 6
    if (bits >= 8) {
      bits -= 8
      bytes[at++] = (buffer >> bits) & 0xff
    }
  }
  // Stray bits in the last character would give one byte string a second spelling.
  return (buffer & ((1 << bits) - 1)) === 0 ? bytes : undefined
}

/** Encodes without padding (RFC 4648 §5). */
export function toBase64url(bytes: Uint8Array): string {
  return encode(bytes, URL_ALPHABET)
}

/** Decodes the one canonical spelling, else gives undefined: no padding, no white space, no stray bits. */
export function fromBase64url(text: string): Bytes | undefined {
  return decode(text, URL_VALUES)
}

/** Encodes with padding (RFC 4648 §4). */
export function toBase64(bytes: Uint8Array): string {
  const text = encode(bytes, STANDARD_ALPHABET)
  return text + '='.repeat((4 - (text.length & 3)) & 3)
}

/** Decodes the one canonical spelling, padding included, else gives undefined. */
export function fromBase64(text: string): Bytes | undefined {
  if ((text.length & 3) !== 0) return undefined
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  return decode(text.slice(0, text.length - padding), STANDARD_VALUES)
}
