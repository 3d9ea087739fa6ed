import { randomBytes } from '../../core/random.ts'

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const BASE = ALPHABET.length
/** The largest multiple of 62 in a byte: above it some digits would come up more often than others. */
const EVEN = 256 - (256 % BASE)

/** As many digits at random, each of the 62 equally likely. */
export function randomDigits(count: number): string {
  let text = ''
  while (text.length < count) {
    for (const byte of randomBytes(count - text.length)) if (byte < EVEN) text += ALPHABET.charAt(byte % BASE)
  }
  return text
}

/** A number as exactly so many digits, the most significant first. */
export function toDigits(value: number, count: number): string {
  let text = ''
  for (let rest = value; text.length < count; rest = Math.floor(rest / BASE)) text = ALPHABET.charAt(rest % BASE) + text
  return text
}
