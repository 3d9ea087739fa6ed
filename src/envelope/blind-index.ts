import { primitives } from '#crypto'
import { toBase64url } from '../core/base64url.ts'
import { fromUtf8, utf8 } from '../core/bytes.ts'
import { checkGiven } from '../core/given.ts'
import type { Jwk } from '../crypto/primitives.ts'
import { type EnvelopeContext, encodeContext } from './context.ts'
import { expand } from './derive.ts'
import { symmetricBytes } from './jwk.ts'
import { optionInvalid } from './misuse.ts'
import { checkContext } from './text.ts'

const LABEL = utf8('countersign/blind-index')
const DEFAULT_BITS = 128
const MAX_BITS = 256

/** By which key, for which column, and how much of the index is kept. */
export interface BlindIndexOptions {
  /** 32 bytes or a JWK of type `oct`, for indexes alone: whoever has it can try out values. */
  readonly key: Uint8Array | Jwk
  /** The tenant and the column, and nothing of the row: equal values of one column have to get the same index. */
  readonly context: EnvelopeContext
  /**
   * 8 to 256 in steps of 8; 128 by default. With fewer, different values share an index: what is found has to be opened
   * and compared, and less is told to who reads the column.
   */
  readonly bits?: number
}

/**
 * Makes of a text what an equal text can be found by, while the column itself is sealed. The text is brought into
 * Unicode's composed form first (NFC); case and spaces are yours to bring into one form.
 *
 * It tells whoever reads the column which rows have the same value, and how often it occurs; with the key, any value can
 * be tried out. Do not index what has few values (yes or no, a birth year): there the count alone says which is which.
 *
 * @returns the index in base64url
 * @throws {CountersignError} `option-invalid`, `key-invalid`
 * @example
 * const index = await blindIndex(email.toLowerCase(), { key: indexKey, context: { tenant: 'acme', column: 'users.email' } })
 * @see SVE1 §10.4 (the encoding of the context), RFC 2104
 */
export async function blindIndex(text: string, options: BlindIndexOptions): Promise<string> {
  checkGiven(options, 'options')
  const { key, context, bits = DEFAULT_BITS } = options
  checkContext(context)
  // Condition: an index of another size than 8 to 256 bits in whole bytes is refused.
  if (!Number.isSafeInteger(bits) || bits < 8 || bits > MAX_BITS || bits % 8 !== 0) {
    throw optionInvalid('bits', 'give 8 to 256, a multiple of 8')
  }
  const encoded = encodeContext(context)
  if (encoded === undefined) throw optionInvalid('context', 'give well-formed texts of at most 65,535 bytes')
  const bytes = normalized(text)
  const root = await primitives.macKey(symmetricBytes(key, 'key'))
  // A key that also seals somewhere by mistake gives an index that says nothing about that.
  const derived = await primitives.macKey(await expand(root, LABEL, 32))
  const mac = await primitives.mac(derived, encoded, bytes)
  return toBase64url(mac.subarray(0, bits / 8))
}

function normalized(text: string): Uint8Array {
  // Condition: what is indexed but is not a well-formed string is refused.
  if (typeof text !== 'string' || fromUtf8(utf8(text)) !== text)
    throw optionInvalid('text', 'give a well-formed string')
  return utf8(text.normalize('NFC'))
}
