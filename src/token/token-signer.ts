import { SignJWT } from 'jose'
import { CountersignError } from '../core/errors.ts'
import type { Jwk } from '../crypto/primitives.ts'
import { suiteOfKey } from '../crypto/suites.ts'

/** Signs tokens with one private key. */
export interface TokenSigner {
  /** The name the algorithm goes by in headers. */
  readonly alg: string
  /** `key-invalid` where the key is none of its type. */
  sign(claims: Readonly<Record<string, unknown>>, header: Readonly<Record<string, unknown>>): Promise<string>
}

/** Says what is wrong with a key. */
export function keyInvalid(fix: string): CountersignError {
  return new CountersignError('key-invalid', { detail: { fix } })
}

/** The name an algorithm goes by: the one the key itself uses. */
export function algorithmOf(jwk: Jwk): string {
  const suite = suiteOfKey(jwk)
  return jwk.alg ?? suite.jws[0] ?? suite.name
}

/** What makes a public key this key, and nothing else that somebody wrote into it. */
export function publicMembers({ kty, crv = '', x = '', y }: Jwk): PublicMembers {
  return y === undefined ? { kty, crv, x } : { kty, crv, x, y }
}

interface PublicMembers {
  readonly kty: string
  readonly crv: string
  readonly x: string
  readonly y?: string
}

/** Makes a signer, to be kept for as long as its key is used: what is imported of the key is kept with it. */
export function tokenSigner(key: Jwk): TokenSigner {
  const { d } = key
  // Condition: a token is not minted by a public key.
  if (d === undefined) throw keyInvalid('give the private key')
  const alg = algorithmOf(key)
  const material = { ...publicMembers(key), d }
  return Object.freeze({
    alg,
    async sign(claims, header) {
      try {
        return await new SignJWT({ ...claims }).setProtectedHeader({ ...header, alg }).sign(material)
      } catch {
        // The cause may quote the key.
        throw keyInvalid('the key material is not valid for its type')
      }
    },
  } satisfies TokenSigner)
}
