import { CountersignError, isCountersignError } from '../core/errors.ts'
import { checkGiven } from '../core/given.ts'
import type { Jwk } from '../crypto/primitives.ts'
import { suiteOf, suiteOfKey } from '../crypto/suites.ts'
import { fileSource } from './file-source.ts'
import { type JwkSet, keyIdentity } from './jwk.ts'
import { credentialsSchema, readDocument } from './schema.ts'
import type { Source } from './source.ts'

/** The private keys of a workload, and its workload identity token where somebody else vouches for it. */
export interface Credentials {
  /** The first without `use: "enc"` signs; those with it open what is sealed to the workload. */
  readonly keys: readonly Jwk[]
  readonly token?: string
}

/** Gives the credentials of a workload, and says when there are new ones. */
export type CredentialSource = Source<Credentials>

function invalid(option: string, fix: string): CountersignError {
  return new CountersignError('credentials-invalid', { detail: { option, fix } })
}

function checkUse(jwk: Jwk, where: string): void {
  if (jwk.use === 'enc') {
    // Condition: credentials with a seal key that cannot agree on a secret are refused.
    if (jwk.crv === 'Ed25519' || suiteOf(jwk.alg ?? '') !== undefined) {
      throw invalid(where, 'a key with "use": "enc" is on P-256 or X25519, and its "alg" is no signature')
    }
    return
  }
  try {
    suiteOfKey(jwk)
  } catch (error) {
    // Condition: credentials with a key that can neither sign nor open are refused.
    throw invalid(where, isCountersignError(error) ? (error.detail.fix ?? 'invalid') : 'invalid')
  }
}

function checkDistinct(keys: readonly Jwk[]): void {
  const identities = new Set<string>()
  const names = new Set<string>()
  keys.forEach((jwk, i) => {
    const identity = keyIdentity(jwk)
    // Condition: credentials that hold one key twice are refused.
    if (identities.has(identity)) throw invalid(`keys.${i}`, 'one key has one use: give another key')
    // Condition: credentials with one "kid" for two keys are refused.
    if (jwk.kid !== undefined && names.has(jwk.kid)) throw invalid(`keys.${i}.kid`, 'give each key a "kid" of its own')
    identities.add(identity)
    if (jwk.kid !== undefined) names.add(jwk.kid)
  })
}

/** Reads credentials strictly; no error shows anything of their contents. */
export function parseCredentials(json: unknown): Credentials {
  const credentials: Credentials = readDocument(credentialsSchema, json, 'credentials-invalid')
  credentials.keys.forEach((jwk, i) => {
    checkUse(jwk, `keys.${i}`)
  })
  checkDistinct(credentials.keys)
  const signing = credentials.keys.find((jwk) => jwk.use !== 'enc')
  // Condition: credentials without a key that signs are refused.
  if (signing === undefined) throw invalid('keys', 'give a P-256 or Ed25519 key without "use": "enc"')
  // Condition: self-issued credentials whose signing key has no "kid" are refused.
  if (credentials.token === undefined && signing.kid === undefined) {
    throw invalid('keys', 'give the signing key a "kid": the trust bundle knows it by that name')
  }
  return Object.freeze({ ...credentials, keys: Object.freeze(credentials.keys.map((jwk) => Object.freeze(jwk))) })
}

function keysOf(key: Jwk | JwkSet): readonly unknown[] {
  return Array.isArray((key as Partial<JwkSet> | undefined)?.keys) ? (key as JwkSet).keys : [key]
}

function inMemory(credentials: Credentials): CredentialSource {
  return Object.freeze({ load: () => credentials })
}

/**
 * Gives a workload that vouches for itself: its own key signs its workload identity tokens, and others trust that key
 * through their trust bundle. It proves nothing by itself: what counts is whose bundle holds the public half.
 *
 * @param key the private key, or a set: the first without `use: "enc"` signs, those with it are seal keys
 * @throws `credentials-invalid` where a key is not private, has no `kid`, or is of another kind
 * @example
 * const credentials = selfIssued(await generateKey({ alg: 'ES256' }))
 * @see draft-ietf-wimse-workload-creds
 */
export function selfIssued(key: Jwk | JwkSet): CredentialSource {
  return inMemory(parseCredentials({ keys: keysOf(key) }))
}

/**
 * Gives a workload whose token somebody else has issued. Whether the token holds, and for this key, is checked where
 * it is used, not here.
 *
 * @param credentials `key`: the private key that the token names in `cnf`, or a set that begins with it; `token`: the
 *   workload identity token
 * @throws `credentials-invalid` where the key is not private or of another kind, or the token is empty
 * @example
 * const credentials = issued({ key, token })
 * @see draft-ietf-wimse-workload-creds
 */
export function issued(credentials: { readonly key: Jwk | JwkSet; readonly token: string }): CredentialSource {
  checkGiven(credentials, 'issued', 'give key and token')
  const { key, token } = credentials
  // Condition: issued credentials without a token are refused.
  if (typeof token !== 'string') throw invalid('token', 'give the workload identity token, or use selfIssued')
  return inMemory(parseCredentials({ keys: keysOf(key), token }))
}

/**
 * Reads credentials from a file and again whenever it changes: `{ "keys": [private JWK …], "token"? }`. The first key
 * without `"use": "enc"` signs; keys with it are seal keys. Without a token the workload vouches for itself.
 *
 * @param path the file, as `countersign init` writes it; readable by nobody but the workload
 * @throws `credentials-invalid` when it is loaded, naming file and fix, never content; `no-disk` where there is none
 * @example
 * const workload = await createWorkload({ id, credentials: credentialFile('countersign/orders.json'), trust })
 * @see RFC 7517
 */
export function credentialFile(path: string): CredentialSource {
  return fileSource(path, (text) => parseCredentials(JSON.parse(text)), 'credentials-invalid')
}
