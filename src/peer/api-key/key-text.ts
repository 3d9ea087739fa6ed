import { primitives } from '#crypto'
import { toBase64url } from '../../core/base64url.ts'
import { utf8 } from '../../core/bytes.ts'
import { CountersignError } from '../../core/errors.ts'
import { andThen, type MaybePromise } from '../../core/maybe-promise.ts'
import { randomDigits, toDigits } from './base62.ts'
import { crc32 } from './crc32.ts'

/**
 * `csk_`, the id, `_`, the secret, the checksum of all before it: one spelling, and one word that a scanner finds. Digits
 * are of base 62. 43 of them, each at random, hold 256 bits.
 */
const TEXT = /^csk_([0-9A-Za-z]{11})_[0-9A-Za-z]{49}$/
const ID_DIGITS = 11
const SECRET_DIGITS = 43
const CHECKSUM_DIGITS = 6

/** What is hashed with a key, so that its hash is nothing else's. */
const PURPOSE = 'countersign api key v1\0'

/** The id of a record. */
export const KEY_ID: RegExp = /^[0-9A-Za-z]{11}$/

/** A fresh key. */
export function newKeyText(): { readonly id: string; readonly text: string } {
  const id = randomDigits(ID_DIGITS)
  const start = `csk_${id}_${randomDigits(SECRET_DIGITS)}`
  return { id, text: start + checksumOf(start) }
}

/** The id in a key that is spelled as keys are; what was mistyped or cut short is told apart without any store. */
export function idOfKey(text: string): string {
  const id = TEXT.exec(text)?.[1]
  // Condition: what is not spelled as API keys are is refused.
  if (id === undefined) throw new CountersignError('api-key-invalid', { detail: { step: 'format' } })
  const end = text.length - CHECKSUM_DIGITS
  // Condition: an API key whose checksum does not hold is refused before any store is asked.
  if (checksumOf(text.slice(0, end)) !== text.slice(end)) {
    throw new CountersignError('api-key-invalid', { detail: { step: 'checksum' } })
  }
  return id
}

function checksumOf(text: string): string {
  return toDigits(crc32(text), CHECKSUM_DIGITS)
}

/** What is kept of a key. Its secret is drawn from 2^256: nobody finds it by trying, so that no slow hash is needed. */
export function hashOfKey(text: string): MaybePromise<string> {
  return andThen(primitives.digest('SHA-256', utf8(PURPOSE + text)), toBase64url)
}
