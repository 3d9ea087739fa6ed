import { importJWK } from 'jose'
import type { Jwk } from '../crypto/primitives.ts'
import { checkNames, type KeyDocument } from '../trust/key-document.ts'
import { tokenInvalid } from './refusal.ts'

/** A key of an issuer, imported for the one algorithm it was asked for. */
export type IssuerKey = Awaited<ReturnType<typeof importJWK>>

/** A key that may have signed, by the name that its issuer gives it: a token need not say it. */
export interface FoundKey {
  readonly keyId: string | undefined
  readonly key: Promise<IssuerKey>
}

/** The keys of one issuer, as of one version of their document. */
export interface IssuerKeys {
  /** Finds the key that may have signed; undefined where it is not known. Throws where the choice would be a guess. */
  find(kid: string | undefined, alg: string): FoundKey | undefined
}

const EC: Readonly<Record<string, string>> = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' }

/** Whether a key fits an algorithm: by its type and curve, and by its own `alg`, `use` and `key_ops`. */
function fits(jwk: Jwk, alg: string): boolean {
  if (jwk.use !== undefined && jwk.use !== 'sig') return false
  if (jwk.key_ops !== undefined && !(Array.isArray(jwk.key_ops) && jwk.key_ops.includes('verify'))) return false
  const isNamed = jwk.alg === undefined || jwk.alg === alg || (isEdwards(jwk.alg) && isEdwards(alg))
  if (!isNamed) return false
  if (isEdwards(alg)) return jwk.kty === 'OKP' && jwk.crv === 'Ed25519'
  if (alg in EC) return jwk.kty === 'EC' && jwk.crv === EC[alg]
  return /^(?:RS|PS)(?:256|384|512)$/.test(alg) && jwk.kty === 'RSA'
}

function isEdwards(alg: string): boolean {
  return alg === 'EdDSA' || alg === 'Ed25519'
}

/** Only what makes it this key: what else a document says of it was judged by `fits`. */
function materialOf({ kty, crv, x, y, n, e }: Jwk) {
  const members = { crv, x, y, n, e }
  return { kty, ...Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) }
}

/** Reads the keys of an issuer from its JWK Set. Keys that fit no algorithm are passed over. */
export function readIssuerKeys(document: KeyDocument): IssuerKeys {
  checkNames(document.keys)
  const imported = new Map<string, Promise<IssuerKey>>()
  return {
    find(kid, alg) {
      const fitting = document.keys.filter((jwk) => fits(jwk, alg))
      // Condition: an access token without "kid" is refused where more than one key fits.
      if (kid === undefined && fitting.length > 1) throw tokenInvalid('kid')
      const jwk = kid === undefined ? fitting[0] : fitting.find((one) => one.kid === kid)
      if (jwk === undefined) return undefined
      const name = `${alg} ${document.keys.indexOf(jwk)}`
      const key = imported.get(name) ?? importJWK(materialOf(jwk), alg)
      imported.set(name, key)
      return { keyId: jwk.kid, key }
    },
  }
}

/** The one secret that an issuer shares with whoever verifies its tokens. */
export function secretKeys(secret: Uint8Array): IssuerKeys {
  const key = Promise.resolve(secret)
  return { find: (keyId, alg) => (alg.startsWith('HS') ? { keyId, key } : undefined) }
}
