import nacl from 'tweetnacl'
import { toBase64url } from '../core/base64url.ts'
import { type Bytes, equalBytes } from '../core/bytes.ts'
import { randomBytes } from '../core/random.ts'
import { isReduced, isSoundPoint } from './ed25519-strict.ts'
import { coordinate, keyInvalid } from './members.ts'
import type { Jwk } from './primitives.ts'

const KEY_BYTES = 32
const SIGNATURE_BYTES = 64
const ZERO = new Uint8Array(KEY_BYTES)

/** An Ed25519 private key as tweetnacl wants it: seed and public key in one. */
export interface Ed25519Pair {
  readonly secretKey: Uint8Array
  readonly publicKey: Uint8Array
}

function checkOwnHalf(derived: Uint8Array, jwk: Jwk): void {
  if (!equalBytes(derived, coordinate(jwk.x))) throw keyInvalid('the public half is another key’s')
}

/** The Ed25519 key of a private JWK, whose public half must be its own. */
export function ed25519Pair(jwk: Jwk): Ed25519Pair {
  const pair = nacl.sign.keyPair.fromSeed(coordinate(jwk.d))
  checkOwnHalf(pair.publicKey, jwk)
  return pair
}

/** Signs without waiting, in every runtime; slow: some milliseconds. */
export function signEd25519Sync(pair: Ed25519Pair, data: Uint8Array): Bytes {
  // tweetnacl allocates what it gives.
  return nacl.sign.detached(data, pair.secretKey) as Bytes
}

/**
 * Verifies without waiting. Strict: one spelling of S and of the key, no key of small order, the equation without
 * cofactor.
 */
export function verifyEd25519Sync(publicKey: Uint8Array, data: Uint8Array, signature: Uint8Array): boolean {
  if (signature.length !== SIGNATURE_BYTES || publicKey.length !== KEY_BYTES) return false
  // tweetnacl reduces S silently: without this check each signature would have a second spelling.
  if (!isReduced(signature.subarray(KEY_BYTES)) || !isSoundPoint(publicKey)) return false
  return nacl.sign.detached.verify(data, signature, publicKey)
}

/** The X25519 private key of a JWK, whose public half must be its own. */
export function x25519Scalar(jwk: Jwk): Bytes {
  const scalar = coordinate(jwk.d)
  checkOwnHalf(nacl.scalarMult.base(scalar), jwk)
  return scalar
}

/** The X25519 shared secret, or undefined where it would be all zero. */
export function agreeX25519(scalar: Uint8Array, point: Uint8Array): Bytes | undefined {
  if (point.length !== KEY_BYTES) return undefined
  const secret = nacl.scalarMult(scalar, point) as Bytes
  return equalBytes(secret, ZERO) ? undefined : secret
}

/** Makes a private JWK on a curve that the runtime's WebCrypto may lack. */
export function generateCurveKey(crv: 'Ed25519' | 'X25519'): Jwk {
  const secret = randomBytes(KEY_BYTES)
  const x = crv === 'Ed25519' ? nacl.sign.keyPair.fromSeed(secret).publicKey : nacl.scalarMult.base(secret)
  return { kty: 'OKP', crv, x: toBase64url(x), d: toBase64url(secret) }
}
