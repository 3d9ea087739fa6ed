import { primitives } from '#crypto'
import { platform } from '#platform'
import type { Bytes } from '../core/bytes.ts'
import { andThen, inTurn, type MaybePromise } from '../core/maybe-promise.ts'
import type { BodyKey } from './body-key.ts'
import { Pacer } from './pacer.ts'
import { unopened } from './unopened.ts'

export const TAG_BYTES = 16
const NO_AAD = new Uint8Array(0)

/** Chunk k is encrypted under the base nonce XOR k. */
export function nonceAt(baseNonce: Uint8Array, index: number): Uint8Array {
  if (index === 0) return baseNonce
  const nonce = new Uint8Array(baseNonce)
  for (let i = 0; i < 4; i++) nonce[11 - i] = (nonce[11 - i] as number) ^ ((index >>> (8 * i)) & 0xff)
  return nonce
}

const MAX_PIECES = 2 ** 32

/** The number of the next piece of a body, after so many. */
export function nextIndex(count: number): number {
  // Condition: a body of more than 2^32 pieces is neither sealed nor opened.
  if (count >= MAX_PIECES) throw unopened('too-large')
  return count
}

/** The length of a body once sealed. The last chunk is always shorter than the others: it may be empty. */
export function sealedLength(plaintextBytes: number, chunkBytes: number): number {
  return plaintextBytes + TAG_BYTES * (Math.floor(plaintextBytes / chunkBytes) + 1)
}

/** The length of a body once opened, as far as the length of what is there tells. */
export function openedLength(sealedBytes: number, chunkBytes: number): number {
  const full = Math.floor(sealedBytes / (chunkBytes + TAG_BYTES))
  const rest = sealedBytes - full * (chunkBytes + TAG_BYTES)
  return full * chunkBytes + Math.max(0, rest - TAG_BYTES)
}

/** How many chunks a sealed body of this length has, the broken one at its end included. */
export function chunkCount(sealedBytes: number, chunkBytes: number): number {
  return Math.ceil(sealedBytes / (chunkBytes + TAG_BYTES))
}

/** Encrypts one chunk; what comes out may be in pieces. */
export function sealChunk(
  { key, baseNonce }: BodyKey,
  index: number,
  chunk: Uint8Array,
): MaybePromise<readonly Bytes[]> {
  return primitives.encrypt(key, nonceAt(baseNonce, index), chunk, NO_AAD)
}

/** Decrypts one chunk. */
export function openChunk({ key, baseNonce }: BodyKey, index: number, sealed: Uint8Array): MaybePromise<Bytes> {
  // Condition: an envelope that ends after a full chunk or within a tag is refused.
  if (sealed.length < TAG_BYTES) throw unopened('truncated')
  return andThen(primitives.decrypt(key, nonceAt(baseNonce, index), sealed, NO_AAD), (chunk) => {
    // Condition: a chunk whose tag does not hold is refused.
    if (chunk === undefined) throw unopened('chunk-auth')
    return chunk
  })
}

/** Encrypts a whole body chunk by chunk into `target`, which is exactly as long as `sealedLength` says. */
export function sealChunks(bodyKey: BodyKey, plaintext: Uint8Array, target: Uint8Array): MaybePromise<void> {
  const { chunkBytes } = bodyKey.suite
  const pacer = new Pacer()
  return inTurn(chunkCount(target.length, chunkBytes), (index) => {
    const chunk = plaintext.subarray(index * chunkBytes, (index + 1) * chunkBytes)
    return andThen(sealChunk(bodyKey, index, chunk), (sealed) => {
      let at = index * (chunkBytes + TAG_BYTES)
      for (const piece of sealed) {
        target.set(piece, at)
        at += piece.length
      }
      return pacer.spend(chunk.length)
    })
  })
}

/** Decrypts a whole body: nothing of it is given before its last chunk was verified. */
export function openChunks(bodyKey: BodyKey, body: Uint8Array, maxPlaintextBytes: number): MaybePromise<Bytes> {
  const { chunkBytes } = bodyKey.suite
  const sealedBytes = chunkBytes + TAG_BYTES
  const length = openedLength(body.length, chunkBytes)
  // Condition: a plaintext larger than the limit is refused before a chunk is opened.
  if (length > maxPlaintextBytes) throw unopened('too-large')
  const plaintext = platform.room(length)
  const pacer = new Pacer()
  // The last chunk is shorter than the others: a body that ends with a full one lacks it.
  const opened = inTurn(Math.floor(body.length / sealedBytes) + 1, (index) => {
    const sealed = body.subarray(index * sealedBytes, (index + 1) * sealedBytes)
    return andThen(openChunk(bodyKey, index, sealed), (chunk) => {
      plaintext.set(chunk, index * chunkBytes)
      return pacer.spend(chunk.length)
    })
  })
  return andThen(opened, () => plaintext)
}
