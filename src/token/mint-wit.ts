import type { Clock } from '../core/clock.ts'
import type { Jwk } from '../crypto/primitives.ts'
import { type MintedToken, mint } from './mint.ts'
import { SEAL_CLAIM } from './named-keys.ts'
import { algorithmOf, keyInvalid, publicMembers, tokenSigner } from './token-signer.ts'

export interface MintWitOptions {
  /** The workload the token is about. */
  readonly id: string
  /** The private key that vouches; peers know it by its `kid`. */
  readonly key: Jwk
  /** The key that proofs will be made with: made for this token alone. Only its public half goes into the token. */
  readonly proofKey: Jwk
  /** The key that others may seal to; only its public half goes into the token. */
  readonly sealKey?: Jwk
  readonly lifetimeSeconds: number
  readonly clock: Clock
  readonly issuer?: string
}

/** Mints a workload identity token: a trusted key vouches that an identifier belongs to a proof key, for a while. */
export async function mintWit(options: MintWitOptions): Promise<MintedToken> {
  const { id, key, proofKey, sealKey, lifetimeSeconds, clock, issuer } = options
  // Condition: a token is not minted by a key without a name.
  if (key.kid === undefined) throw keyInvalid('give the key a "kid": the trust bundle knows it by that name')
  const claims = {
    ...(issuer === undefined ? {} : { iss: issuer }),
    sub: id,
    cnf: { jwk: { ...publicMembers(proofKey), alg: algorithmOf(proofKey) } },
    ...(sealKey === undefined ? {} : { [SEAL_CLAIM]: { ...publicMembers(sealKey), use: 'enc' } }),
  }
  const header = { kid: key.kid, typ: 'wit+jwt' }
  return mint({ signer: tokenSigner(key), header, claims, lifetimeSeconds, clock })
}
