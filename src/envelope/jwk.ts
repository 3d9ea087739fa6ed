import { fromBase64url } from '../core/base64url.ts'
import { type Bytes, concat } from '../core/bytes.ts'
import type { Jwk } from '../crypto/primitives.ts'
import type { Curve } from '../crypto/suites.ts'
import { isBytes, keyInvalid } from './misuse.ts'

const KEY_BYTES = 32
const SIGNATURE_ALG = /^(?:ES|HS|RS|PS)\d|^Ed/

/** The public half of a key for key agreement: 65 bytes uncompressed for P-256, 32 for X25519. */
export interface PublicPoint {
  readonly curve: Curve
  readonly point: Bytes
}

function member(value: unknown): Bytes | undefined {
  const bytes = typeof value === 'string' ? fromBase64url(value) : undefined
  return bytes?.length === KEY_BYTES ? bytes : undefined
}

/** Refuses what is no JWK, and a key that has another use: one key, one use. */
export function checkUse(jwk: Jwk, option: string): void {
  // Condition: a seal key that is not a JWK is refused.
  if (typeof jwk !== 'object' || jwk === null) throw keyInvalid(option, 'give a JWK')
  const { use = 'enc', alg = '' } = jwk
  // Condition: a key that is meant for signatures is refused as a seal key.
  if (use !== 'enc' || SIGNATURE_ALG.test(alg)) throw keyInvalid(option, 'give a key of its own, with "use": "enc"')
}

/** The public point of a P-256 or X25519 key. Whether it lies on its curve shows at the first use. */
export function publicPoint(jwk: Jwk, option: string): PublicPoint {
  const x = member(jwk.x)
  const y = member(jwk.y)
  if (jwk.kty === 'OKP' && jwk.crv === 'X25519' && x !== undefined) return { curve: 'X25519', point: x }
  if (jwk.kty === 'EC' && jwk.crv === 'P-256' && x !== undefined && y !== undefined) {
    return { curve: 'P-256', point: concat(Uint8Array.of(4), x, y) }
  }
  // Condition: a seal key of another curve, or with a coordinate of another size, is refused.
  throw keyInvalid(option, 'give a P-256 or X25519 key')
}

/** The 32 bytes of a symmetric key, copied. */
export function symmetricBytes(key: Uint8Array | Jwk, option: string): Bytes {
  const bytes = isBytes(key) ? Uint8Array.from(key) : member(key.k)
  // Condition: a symmetric key of another size than 32 bytes is refused.
  if (bytes?.length !== KEY_BYTES) throw keyInvalid(option, 'give 32 bytes')
  return bytes
}
