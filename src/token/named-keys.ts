import { primitives } from '#crypto'
import { fromBase64url } from '../core/base64url.ts'
import { isJsonObject, type JsonObject } from '../core/json.ts'
import type { Jwk, VerifyingKey } from '../crypto/primitives.ts'
import { type SignatureSuite, suiteOf } from '../crypto/suites.ts'
import { hasPrivateMembers, thumbprint } from '../keys/jwk.ts'
import { tokenInvalid } from './refusal.ts'

/** The claim that names the key to seal to. */
export const SEAL_CLAIM = 'urn:countersign:seal'

/** The key a workload proves itself with, as its token names it. */
export interface NamedProofKey {
  readonly jwk: Jwk
  readonly suite: SignatureSuite
  readonly key: VerifyingKey
  /** RFC 7638 thumbprint. */
  readonly keyId: string
}

const COORDINATE_BYTES = 32
const SEAL_CURVES: Readonly<Record<string, unknown>> = Object.freeze({ 'P-256': 'EC', X25519: 'OKP' })

// One spelling only: a thumbprint is a digest of the text, not of the number.
function isCoordinate(text: unknown): text is string {
  return typeof text === 'string' && fromBase64url(text)?.length === COORDINATE_BYTES
}

/** The members that make a public key this key, and no others; undefined where one is missing or badly spelled. */
export function pointOf({ kty, crv, x, y }: JsonObject): Jwk | undefined {
  if (typeof kty !== 'string' || typeof crv !== 'string' || !isCoordinate(x)) return undefined
  if (kty === 'OKP') return { kty, crv, x }
  return isCoordinate(y) ? { kty, crv, x, y } : undefined
}

/**
 * Tells whether two keys are one. The x coordinate decides: a point of P-256 and its mirror image have private keys
 * that give each other away.
 */
export function isSameKey(a: Jwk, b: Jwk): boolean {
  return a.x === b.x
}

/** Reads `cnf.jwk`: the key that the proofs of this workload are made with, and the one algorithm they use. */
export async function readProofKey(claims: JsonObject, keyId?: string): Promise<NamedProofKey> {
  const jwk = isJsonObject(claims.cnf) ? claims.cnf.jwk : undefined
  // Condition: a token without a key in "cnf" is refused.
  if (!isJsonObject(jwk)) throw tokenInvalid('cnf', keyId)
  // Condition: a token whose "cnf" key has private members is refused.
  if (hasPrivateMembers(jwk as Jwk)) throw tokenInvalid('cnf', keyId)
  const suite = typeof jwk.alg === 'string' ? suiteOf(jwk.alg) : undefined
  // Condition: a token whose "cnf" key names no algorithm for proofs is refused.
  if (suite === undefined) throw tokenInvalid('cnf', keyId)
  // Condition: a token whose "cnf" key is for encryption is refused.
  if (jwk.use === 'enc') throw tokenInvalid('cnf', keyId)
  const point = pointOf(jwk)
  // Condition: a token whose "cnf" key does not fit its "alg" is refused.
  if (point?.kty !== suite.kty || point.crv !== suite.crv) throw tokenInvalid('cnf', keyId)
  return { jwk: point, suite, key: await importProofKey(point, suite, keyId), keyId: await thumbprint(point) }
}

async function importProofKey(jwk: Jwk, suite: SignatureSuite, keyId: string | undefined): Promise<VerifyingKey> {
  try {
    return await primitives.verifyingKey(suite, jwk)
  } catch {
    // Condition: a token whose "cnf" key is no point of its curve is refused.
    throw tokenInvalid('cnf', keyId)
  }
}

/** Reads the key to seal to, where the token names one; its `kid` is its thumbprint, whatever the token calls it. */
export async function readSealKey(claims: JsonObject, keyId?: string): Promise<(Jwk & { kid: string }) | undefined> {
  if (!Object.hasOwn(claims, SEAL_CLAIM)) return undefined
  const jwk = claims[SEAL_CLAIM]
  // Condition: a token whose seal key has private members is refused.
  if (!isJsonObject(jwk) || hasPrivateMembers(jwk as Jwk)) throw tokenInvalid('seal', keyId)
  const signs = typeof jwk.alg === 'string' && suiteOf(jwk.alg) !== undefined
  // Condition: a token whose seal key is not meant for encryption is refused.
  if (jwk.use !== 'enc' || signs) throw tokenInvalid('seal', keyId)
  const point = pointOf(jwk)
  // Condition: a token whose seal key is not on P-256 or X25519 is refused.
  if (point?.crv === undefined || SEAL_CURVES[point.crv] !== point.kty) throw tokenInvalid('seal', keyId)
  return Object.freeze({ ...point, use: 'enc', kid: await thumbprint(point) })
}
