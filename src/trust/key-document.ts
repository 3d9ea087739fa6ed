import { isJsonObject } from '../core/json.ts'
import type { Jwk } from '../crypto/primitives.ts'
import { hasPrivateMembers } from '../keys/jwk.ts'
import { trustInvalid } from './bundle.ts'

const MAX_KEYS = 100

/** A JWK Set or SPIFFE bundle as it came: public keys of any type, and what SPIFFE adds. */
export interface KeyDocument {
  readonly keys: readonly Jwk[]
  readonly sequence: number | undefined
  readonly refreshHintSeconds: number | undefined
}

function positive(value: unknown): number | undefined {
  return typeof value === 'number' && value > 0 ? value : undefined
}

function readKeys(keys: unknown): readonly Jwk[] {
  // Condition: a document of keys without a list of keys is refused.
  if (!Array.isArray(keys)) throw trustInvalid('keys', 'a JWK Set has a list "keys"')
  // Condition: a document of more than a hundred keys is refused.
  if (keys.length > MAX_KEYS) throw trustInvalid('keys', `publish at most ${MAX_KEYS} keys`)
  for (const key of keys) {
    // Condition: a document that lists something else than keys is refused.
    if (!isJsonObject(key) || typeof key.kty !== 'string')
      throw trustInvalid('keys', 'each key is an object with a "kty"')
    // Condition: a document that publishes a private or symmetric key is refused.
    if (hasPrivateMembers(key as Jwk)) throw trustInvalid('keys', 'a private key is published there: replace it')
  }
  return keys
}

/** Reads a JWK Set (RFC 7517 §5) or SPIFFE bundle; the keys in it are not chosen yet. */
export function readKeyDocument(json: unknown, before: KeyDocument | undefined): KeyDocument {
  // Condition: a document of keys that is no object is refused.
  if (!isJsonObject(json)) throw trustInvalid('document', 'a JWK Set is a JSON object')
  const sequence = typeof json.spiffe_sequence === 'number' ? json.spiffe_sequence : undefined
  // Condition: a bundle whose "spiffe_sequence" went back is refused.
  if (sequence !== undefined && before?.sequence !== undefined && sequence < before.sequence) {
    throw trustInvalid('spiffe_sequence', 'it went back: an older bundle is served')
  }
  return { keys: readKeys(json.keys), sequence, refreshHintSeconds: positive(json.spiffe_refresh_hint) }
}

/** Refuses a set in which one name means two keys. */
export function checkNames(keys: readonly Jwk[]): void {
  const names = new Set<string>()
  for (const { kid } of keys) {
    if (kid === undefined) continue
    // Condition: a document with two keys of one name is refused.
    if (names.has(kid)) throw trustInvalid('keys', 'one "kid" stands there twice')
    names.add(kid)
  }
}
