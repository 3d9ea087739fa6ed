import { primitives } from '#crypto'
import { type Bytes, concat, utf8 } from '../core/bytes.ts'
import { CountersignError } from '../core/errors.ts'
import { type MaybePromise, type Steps, steps, wait } from '../core/maybe-promise.ts'
import type { MacKey } from '../crypto/primitives.ts'
import { MAGIC } from './magic.ts'
import type { Suite } from './suite.ts'

const HASH_BYTES = 32
const MAX_BYTES = 255 * HASH_BYTES
const NO_SALT = new Uint8Array(HASH_BYTES)
const CHUNKED_LABEL = utf8('c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0')
const HEADER_MAC_LABEL = utf8('sve1/header-mac')

/** What a data key becomes for one salt and context. */
export interface ContentKeys {
  readonly key: Bytes
  readonly baseNonce: Bytes
  readonly commitment: Bytes
}

/** HKDF-Extract with SHA-256 (RFC 5869 §2.2). */
export const extract = steps(function* (salt: Uint8Array, keyMaterial: Uint8Array): Steps<Bytes> {
  // WebCrypto imports no empty MAC key; zeros give the same HMAC.
  const key = yield* wait(primitives.macKey(salt.length === 0 ? NO_SALT : salt))
  return yield* wait(primitives.mac(key, keyMaterial))
})

/** HKDF-Expand with SHA-256 (RFC 5869 §2.3). */
export const expand = steps(function* (pseudoRandomKey: MacKey, info: Uint8Array, length: number): Steps<Bytes> {
  // Condition: more than 255 blocks of derived key are refused.
  if (length > MAX_BYTES) throw new CountersignError('key-invalid', { detail: { fix: 'derive at most 8160 bytes' } })
  const output = new Uint8Array(length)
  let block: Uint8Array = new Uint8Array(0)
  for (let i = 1, at = 0; at < length; i++, at += HASH_BYTES) {
    block = yield* wait(primitives.mac(pseudoRandomKey, concat(block, info, Uint8Array.of(i))))
    output.set(block.subarray(0, Math.min(HASH_BYTES, length - at)), at)
  }
  return output
})

/** The keys of C2SP chunked encryption with SHA-256 and AES-256-GCM. */
export const chunkedKeys = steps(function* (
  dataKey: MacKey,
  salt: Uint8Array,
  context: Uint8Array,
): Steps<ContentKeys> {
  const okm = yield* wait(expand(dataKey, concat(CHUNKED_LABEL, salt, context), 76))
  return { key: okm.slice(0, 32), baseNonce: okm.slice(32, 44), commitment: okm.slice(44) }
})

/** The keys of an SVE1 body: bound to suite, salt and context (SVE1 §10.2). */
export function contentKeys(
  dataKey: MacKey,
  bound: { readonly suite: Suite; readonly salt: Uint8Array; readonly context: Uint8Array },
): MaybePromise<ContentKeys> {
  const start = new Uint8Array(MAGIC.length + 6)
  start.set(MAGIC)
  start[MAGIC.length] = bound.suite.id
  new DataView(start.buffer).setUint32(MAGIC.length + 2, bound.context.length)
  return chunkedKeys(dataKey, bound.salt, concat(start, bound.context))
}

/** The MAC over everything in the header before it: whoever changes the recipients must hold the data key. */
export const headerMac = steps(function* (dataKey: MacKey, header: Uint8Array): Steps<Bytes> {
  const key = yield* wait(expand(dataKey, HEADER_MAC_LABEL, HASH_BYTES))
  return yield* wait(primitives.mac(yield* wait(primitives.macKey(key)), header))
})
