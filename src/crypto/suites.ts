import { CountersignError } from '../core/errors.ts'
import type { Jwk } from './jwk.ts'

/** The curves for key agreement. */
export type Curve = 'P-256' | 'X25519'

/** A signature algorithm, resolved once from its name: below this table nobody asks for a name again. */
export interface SignatureSuite {
  readonly name: 'ES256' | 'Ed25519'
  readonly kty: 'EC' | 'OKP'
  readonly crv: 'P-256' | 'Ed25519'
  /** The JWS names it goes by; the first is written. */
  readonly jws: readonly string[]
}

const ES256: SignatureSuite = Object.freeze({ name: 'ES256', kty: 'EC', crv: 'P-256', jws: ['ES256'] })
const ED25519: SignatureSuite = Object.freeze({
  name: 'Ed25519',
  kty: 'OKP',
  crv: 'Ed25519',
  jws: ['EdDSA', 'Ed25519'],
})

const suites: Readonly<Record<string, SignatureSuite>> = Object.freeze(
  Object.assign(Object.create(null), { ES256, EdDSA: ED25519, Ed25519: ED25519 }),
)

/** The suite a JWS `alg` names, or undefined: `EdDSA` and `Ed25519` are two names of one. */
export function suiteOf(alg: string): SignatureSuite | undefined {
  return suites[alg]
}

/** The suite a key belongs to by its type and curve, and by its `alg` where it has one; the two must agree. */
export function suiteOfKey(jwk: Jwk): SignatureSuite {
  for (const suite of [ES256, ED25519]) {
    if (jwk.kty !== suite.kty || jwk.crv !== suite.crv) continue
    // Condition: a key whose "alg" does not fit its curve is refused.
    if (jwk.alg !== undefined && !suite.jws.includes(jwk.alg)) break
    return suite
  }
  throw new CountersignError('key-invalid', { detail: { fix: 'use a P-256 key for ES256 or an Ed25519 key' } })
}
