import { primitives } from '#crypto'
import { type Bytes, utf8 } from '../core/bytes.ts'
import { CountersignError } from '../core/errors.ts'
import { andThen, inTurn, type MaybePromise } from '../core/maybe-promise.ts'
import type { MacKey } from '../crypto/primitives.ts'
import { MAGIC } from './magic.ts'
import type { Suite } from './suite.ts'

const HASH_BYTES = 32
const MAX_BYTES = 255 * HASH_BYTES
const NO_SALT = new Uint8Array(HASH_BYTES)
const NO_BYTES = new Uint8Array(0)
const NUMBERS = Array.from({ length: 255 }, (_, index) => Uint8Array.of(index + 1))
const CHUNKED_LABEL = utf8('c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0')
const HEADER_MAC_LABEL = utf8('sve1/header-mac')

/** What a data key becomes for one salt and context. */
export interface ContentKeys {
  readonly key: Bytes
  readonly baseNonce: Bytes
  readonly commitment: Bytes
}

/** Imports a key and forgets its bytes. */
export function importOnce<Key>(raw: Uint8Array, importKey: (raw: Uint8Array) => MaybePromise<Key>): MaybePromise<Key> {
  return andThen(importKey(raw), (key) => {
    raw.fill(0)
    return key
  })
}

/** HKDF-Extract with SHA-256 (RFC 5869 §2.2). */
export function extract(salt: Uint8Array, keyMaterial: Uint8Array): MaybePromise<Bytes> {
  // WebCrypto imports no empty MAC key; zeros give the same HMAC.
  const key = primitives.macKey(salt.length === 0 ? NO_SALT : salt)
  return andThen(key, (imported) => primitives.mac(imported, keyMaterial))
}

/** HKDF-Expand with SHA-256 (RFC 5869 §2.3). The info may come in pieces. */
export function expand(prk: MacKey, info: Uint8Array | readonly Uint8Array[], length: number): MaybePromise<Bytes> {
  // Condition: more than 255 blocks of derived key are refused.
  if (length > MAX_BYTES) throw new CountersignError('key-invalid', { detail: { fix: 'derive at most 8160 bytes' } })
  const pieces = info instanceof Uint8Array ? [info] : info
  const output = new Uint8Array(length)
  let before = NO_BYTES
  const derived = inTurn(Math.ceil(length / HASH_BYTES), (index) =>
    andThen(primitives.mac(prk, before, ...pieces, NUMBERS[index] as Uint8Array), (block) => {
      before = block
      const at = index * HASH_BYTES
      output.set(at + HASH_BYTES > length ? block.subarray(0, length - at) : block, at)
    }),
  )
  return andThen(derived, () => output)
}

/** The keys of C2SP chunked encryption with SHA-256 and AES-256-GCM, for a context that may come in pieces. */
export function chunkedKeys(
  dataKey: MacKey,
  salt: Uint8Array,
  ...context: readonly Uint8Array[]
): MaybePromise<ContentKeys> {
  // Views of one buffer: small ones of their own cost more than what is done with them.
  return andThen(expand(dataKey, [CHUNKED_LABEL, salt, ...context], 76), (derived) => ({
    key: derived.subarray(0, 32),
    baseNonce: derived.subarray(32, 44),
    commitment: derived.subarray(44),
  }))
}

// A DataView would cost more: it moves the bytes out of the object first.
function putUint32(bytes: Uint8Array, at: number, value: number): void {
  for (let i = 0; i < 4; i++) bytes[at + i] = value >>> (24 - 8 * i)
}

/** What the keys of a body are bound to. */
export interface BoundTo {
  readonly suite: Suite
  readonly salt: Uint8Array
  readonly context: Uint8Array
}

/** The keys of an SVE1 body: bound to suite, salt and context (SVE1 §10.2). */
export function contentKeys(dataKey: MacKey, { suite, salt, context }: BoundTo): MaybePromise<ContentKeys> {
  const start = new Uint8Array(MAGIC.length + 6)
  start.set(MAGIC)
  start[4] = suite.id
  putUint32(start, MAGIC.length + 2, context.length)
  return chunkedKeys(dataKey, salt, start, context)
}

/** The MAC over everything in the header before it: whoever changes the recipients must hold the data key. */
export function headerMac(dataKey: MacKey, header: Uint8Array): MaybePromise<Bytes> {
  const key = andThen(expand(dataKey, HEADER_MAC_LABEL, HASH_BYTES), primitives.macKey)
  return andThen(key, (imported) => primitives.mac(imported, header))
}
