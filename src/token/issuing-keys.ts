import { primitives } from '#crypto'
import { toBase64url } from '../core/base64url.ts'
import { utf8 } from '../core/bytes.ts'
import { CountersignError } from '../core/errors.ts'
import type { Jwk } from '../crypto/primitives.ts'
import { suiteOfKey } from '../crypto/suites.ts'
import type { Credentials } from '../keys/credentials.ts'
import type { JwkSet } from '../keys/jwk.ts'
import { algorithmOf, publicMembers, type TokenSigner, tokenSigner } from './token-signer.ts'

/** The keys of an issuer, ready for use: one signs, all are published. */
export interface IssuingKeys {
  readonly signer: TokenSigner
  /** The `kid` of the key that signs. */
  readonly keyId: string
  readonly published: JwkSet
  /** The published set as it is served, and the name of this version of it. */
  readonly text: string
  readonly etag: string
}

function invalid(option: string, fix: string): CountersignError {
  return new CountersignError('credentials-invalid', { detail: { option, fix } })
}

/** Makes the keys of an issuer ready; no error shows anything of them. */
export async function readIssuingKeys({ keys, token }: Credentials): Promise<IssuingKeys> {
  // Condition: an issuer whose keys come with the token of a workload is refused.
  if (token !== undefined) throw invalid('token', 'give keys that issue access tokens and do nothing else')
  const named: Named[] = []
  for (const [index, jwk] of keys.entries()) named.push(await check(jwk, `keys.${index}`))
  const [first] = named
  if (first === undefined) throw invalid('keys', 'give at least one private key')
  const published = Object.freeze({ keys: Object.freeze(named.map(publish)) })
  const text = JSON.stringify(published)
  const etag = `"${toBase64url(await primitives.digest('SHA-256', utf8(text)))}"`
  return Object.freeze({ signer: tokenSigner(first.jwk), keyId: first.kid, published, text, etag })
}

interface Named {
  readonly jwk: Jwk
  readonly kid: string
}

async function check(jwk: Jwk, where: string): Promise<Named> {
  // Condition: an issuer with a key that is meant for encryption is refused.
  if (jwk.use === 'enc') throw invalid(where, 'give keys that sign: this one is for sealed bodies')
  // Condition: an issuer with a key without a name is refused.
  if (jwk.kid === undefined) throw invalid(where, 'give each key a "kid": tokens name their key by it')
  try {
    await primitives.signingKey(suiteOfKey(jwk), jwk)
  } catch {
    // Condition: an issuer with a key whose halves do not belong together is refused.
    throw invalid(where, 'it is not valid: give a private key as it was generated')
  }
  return { jwk, kid: jwk.kid }
}

/** What others need to verify with, and not a member more. */
function publish({ jwk, kid }: Named): Jwk {
  return Object.freeze({ ...publicMembers(jwk), kid, alg: algorithmOf(jwk), use: 'sig' })
}
