import { primitives } from '#crypto'
import { fromBase64url } from '../core/base64url.ts'
import { type Bytes, equalBytes } from '../core/bytes.ts'
import { CountersignError } from '../core/errors.ts'
import { andThen, type MaybePromise } from '../core/maybe-promise.ts'
import type { Jwk } from '../crypto/primitives.ts'
import { suiteOfKey } from '../crypto/suites.ts'

/** The signature algorithms, by their names in the registry of RFC 9421. */
export type SignatureAlgorithm = 'ecdsa-p256-sha256' | 'ed25519' | 'hmac-sha256'

/** A key that signs messages, and the one algorithm it is for. */
export interface Signer {
  readonly algorithm: SignatureAlgorithm
  sign(base: Bytes): MaybePromise<Bytes>
}

/** A key that verifies messages, and the one algorithm it is for. */
export interface Verifier {
  readonly algorithm: SignatureAlgorithm
  verify(base: Bytes, signature: Uint8Array): MaybePromise<boolean>
}

const MIN_SECRET_BYTES = 32

// Keyed by the key object itself: a key is imported once, and forgotten with it.
const signers = new WeakMap<Jwk, MaybePromise<Signer>>()
const verifiers = new WeakMap<Jwk, MaybePromise<Verifier>>()

function keyInvalid(fix: string): CountersignError {
  return new CountersignError('key-invalid', { detail: { fix } })
}

/** The signer of a private key or a shared secret. What algorithm it uses follows from the key alone. */
export function signerOf(key: Jwk | Uint8Array): MaybePromise<Signer> {
  return key instanceof Uint8Array ? macSigner(key) : remember(signers, key, importSigner)
}

/** The verifier of a public key or a shared secret. What algorithm it uses follows from the key alone. */
export function verifierOf(key: Jwk | Uint8Array): MaybePromise<Verifier> {
  return key instanceof Uint8Array ? macSigner(key) : remember(verifiers, key, importVerifier)
}

function remember<T>(
  known: WeakMap<Jwk, MaybePromise<T>>,
  key: Jwk,
  load: (key: Jwk) => MaybePromise<T>,
): MaybePromise<T> {
  const found = known.get(key)
  if (found !== undefined) return found
  const loaded = load(key)
  known.set(key, loaded)
  return loaded
}

function importSigner(jwk: Jwk): MaybePromise<Signer> {
  if (jwk.kty === 'oct') return macSigner(secretOf(jwk))
  const suite = suiteOfKey(jwk)
  return andThen(primitives.signingKey(suite, jwk), (key) =>
    Object.freeze({ algorithm: nameOf(suite), sign: (base: Bytes) => primitives.sign(key, base) }),
  )
}

function importVerifier(jwk: Jwk): MaybePromise<Verifier> {
  if (jwk.kty === 'oct') return macSigner(secretOf(jwk))
  const suite = suiteOfKey(jwk)
  return andThen(primitives.verifyingKey(suite, jwk), (key) => {
    const verify = (base: Bytes, signature: Uint8Array) => primitives.verify(key, base, signature)
    return Object.freeze({ algorithm: nameOf(suite), verify })
  })
}

function nameOf(suite: ReturnType<typeof suiteOfKey>): SignatureAlgorithm {
  return suite.name === 'ES256' ? 'ecdsa-p256-sha256' : 'ed25519'
}

function secretOf({ alg, k }: Jwk): Bytes {
  // Condition: a shared secret that says it is for another algorithm than HS256 is refused.
  if (alg !== undefined && alg !== 'HS256') throw keyInvalid('use a secret for HS256')
  const secret = typeof k === 'string' ? fromBase64url(k) : undefined
  if (secret === undefined) throw keyInvalid('give the secret as base64url without padding')
  return secret
}

function macSigner(secret: Uint8Array): MaybePromise<Signer & Verifier> {
  // Condition: a shared secret of less than 256 bits is refused.
  if (secret.length < MIN_SECRET_BYTES) throw keyInvalid('give a secret of at least 32 bytes')
  return andThen(primitives.macKey(secret), (key) => {
    const sign = (base: Bytes) => primitives.mac(key, base)
    const verify = (base: Bytes, signature: Uint8Array) => andThen(sign(base), (mac) => equalBytes(mac, signature))
    return Object.freeze({ algorithm: 'hmac-sha256' as const, sign, verify })
  })
}
