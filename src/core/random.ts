import { toBase64url } from './base64url.ts'
import type { Bytes } from './bytes.ts'

const POOL_BYTES = 4096
const pool = new Uint8Array(POOL_BYTES)
let used = POOL_BYTES

/** Random bytes; small requests are cut from a pool, and what was handed out is wiped from it. */
export function randomBytes(length: number): Bytes {
  if (length > POOL_BYTES / 4) return crypto.getRandomValues(new Uint8Array(length))
  if (used + length > POOL_BYTES) {
    crypto.getRandomValues(pool)
    used = 0
  }
  const bytes = pool.slice(used, used + length)
  pool.fill(0, used, used + length)
  used += length
  return bytes
}

/** A nonce of 128 bits, base64url: 22 characters. */
export function randomNonce(): string {
  return toBase64url(randomBytes(16))
}

/** A version 4 UUID (RFC 9562 §5.4). */
export function randomUuid(): string {
  return crypto.randomUUID()
}
