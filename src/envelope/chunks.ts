import { primitives } from '#crypto'
import type { Bytes } from '../core/bytes.ts'
import { andThen, inTurn, type MaybePromise } from '../core/maybe-promise.ts'
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
export function nonceAt(baseNonce: Uint8Array, index: number): Uint8Array {
  if (index === 0) return baseNonce
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
export function sealChunks(chunkKey: ChunkKey, plaintext: Uint8Array, target: Uint8Array): MaybePromise<void> {
  const { key, baseNonce, chunkBytes } = chunkKey
  return inTurn(chunkCount(target.length, chunkBytes), (index) => {
    const chunk = plaintext.subarray(index * chunkBytes, (index + 1) * chunkBytes)
    return andThen(primitives.encrypt(key, nonceAt(baseNonce, index), chunk, NO_AAD), (sealed) =>
      target.set(sealed, index * (chunkBytes + TAG_BYTES)),
    )
  })
}

/** Decrypts a body as a whole: nothing of it is given before its last chunk was verified. */
export function openChunks(chunkKey: ChunkKey, body: Uint8Array, maxPlaintextBytes: number): MaybePromise<Bytes> {
  const { key, baseNonce, chunkBytes } = chunkKey
  const sealedBytes = chunkBytes + TAG_BYTES
  const length = openedLength(body.length, chunkBytes)
  // Condition: a plaintext larger than the limit is refused before a chunk is opened.
  if (length > maxPlaintextBytes) throw unopened('too-large')
  const plaintext = new Uint8Array(length)
  // The last chunk is shorter than the others: a body that ends with a full one lacks it.
  const opened = inTurn(Math.floor(body.length / sealedBytes) + 1, (index) => {
    const sealed = body.subarray(index * sealedBytes, (index + 1) * sealedBytes)
    // Condition: an envelope that ends after a full chunk or within a tag is refused.
    if (sealed.length < TAG_BYTES) throw unopened('truncated')
    return andThen(primitives.decrypt(key, nonceAt(baseNonce, index), sealed, NO_AAD), (chunk) => {
      // Condition: a chunk whose tag does not hold is refused.
      if (chunk === undefined) throw unopened('chunk-auth')
      plaintext.set(chunk, index * chunkBytes)
    })
  })
  return andThen(opened, () => plaintext)
}
