import { primitives } from '#crypto'
import type { Bytes } from '../core/bytes.ts'
import { type Steps, steps, wait } from '../core/maybe-promise.ts'
import type { AeadKey } from '../crypto/primitives.ts'
import { unopened } from './unopened.ts'

const TAG_BYTES = 16
const NO_AAD = new Uint8Array(0)

/** A content key that was imported, and how long a chunk is. */
export interface ChunkKey {
  readonly key: AeadKey
  readonly baseNonce: Uint8Array
  readonly chunkBytes: number
}

/** Chunk k is encrypted under the base nonce XOR k. */
export function nonceAt(baseNonce: Uint8Array, index: number): Bytes {
  const nonce = new Uint8Array(baseNonce)
  const view = new DataView(nonce.buffer)
  view.setUint32(8, view.getUint32(8) ^ index)
  return nonce
}

/** The length of a body once sealed. The last chunk is always shorter than the others: it may be empty. */
export function sealedLength(plaintextBytes: number, chunkBytes: number): number {
  return plaintextBytes + TAG_BYTES * (Math.floor(plaintextBytes / chunkBytes) + 1)
}

function openedLength(sealedBytes: number, chunkBytes: number): number {
  const full = Math.floor(sealedBytes / (chunkBytes + TAG_BYTES))
  const rest = sealedBytes - full * (chunkBytes + TAG_BYTES)
  return full * chunkBytes + Math.max(0, rest - TAG_BYTES)
}

/** How many chunks a sealed body of this length has, the broken one at its end included. */
export function chunkCount(sealedBytes: number, chunkBytes: number): number {
  return Math.ceil(sealedBytes / (chunkBytes + TAG_BYTES))
}

/** Encrypts a body chunk by chunk into `target`, which is exactly as long as `sealedLength` says. */
export const sealChunks = steps(function* (chunkKey: ChunkKey, plaintext: Uint8Array, target: Uint8Array): Steps<void> {
  const { key, baseNonce, chunkBytes } = chunkKey
  for (let index = 0, at = 0; at < target.length; index++, at += chunkBytes + TAG_BYTES) {
    const chunk = plaintext.subarray(index * chunkBytes, (index + 1) * chunkBytes)
    target.set(yield* wait(primitives.encrypt(key, nonceAt(baseNonce, index), chunk, NO_AAD)), at)
  }
})

/** Decrypts a body as a whole: nothing of it is given before its last chunk was verified. */
export const openChunks = steps(function* (
  chunkKey: ChunkKey,
  body: Uint8Array,
  maxPlaintextBytes: number,
): Steps<Bytes> {
  const { key, baseNonce, chunkBytes } = chunkKey
  const sealedBytes = chunkBytes + TAG_BYTES
  const length = openedLength(body.length, chunkBytes)
  // Condition: a plaintext larger than the limit is refused before a chunk is opened.
  if (length > maxPlaintextBytes) throw unopened('too-large')
  const plaintext = new Uint8Array(length)
  for (let index = 0; ; index++) {
    const sealed = body.subarray(index * sealedBytes, (index + 1) * sealedBytes)
    // Condition: an envelope that ends after a full chunk or within a tag is refused.
    if (sealed.length < TAG_BYTES) throw unopened('truncated')
    const chunk = yield* wait(primitives.decrypt(key, nonceAt(baseNonce, index), sealed, NO_AAD))
    // Condition: a chunk whose tag does not hold is refused.
    if (chunk === undefined) throw unopened('chunk-auth')
    plaintext.set(chunk, index * chunkBytes)
    if (sealed.length < sealedBytes) return plaintext
  }
})
