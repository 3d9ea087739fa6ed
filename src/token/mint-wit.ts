import { SignJWT } from 'jose'
import { type Clock, nowSeconds } from '../core/clock.ts'
import { CountersignError } from '../core/errors.ts'
import { randomNonce } from '../core/random.ts'
import type { Jwk } from '../crypto/primitives.ts'
import { suiteOfKey } from '../crypto/suites.ts'
import { MAX_LIFETIME_SECONDS } from './lifetime.ts'
import { SEAL_CLAIM } from './named-keys.ts'

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

export interface MintedWit {
  readonly token: string
  readonly tokenId: string
  /** Epoch milliseconds. */
  readonly expiresAt: number
}

function keyInvalid(fix: string): CountersignError {
  return new CountersignError('key-invalid', { detail: { fix } })
}

/** The name an algorithm goes by: the one the key itself uses. */
function algorithmOf(jwk: Jwk): string {
  const suite = suiteOfKey(jwk)
  return jwk.alg ?? suite.jws[0] ?? suite.name
}

function publicMembers({ kty, crv = '', x = '', y }: Jwk): { kty: string; crv: string; x: string; y?: string } {
  return y === undefined ? { kty, crv, x } : { kty, crv, x, y }
}

/** Mints a workload identity token: a trusted key vouches that an identifier belongs to a proof key, for a while. */
export async function mintWit(options: MintWitOptions): Promise<MintedWit> {
  const { id, key, proofKey, sealKey, lifetimeSeconds, clock, issuer } = options
  // Condition: a token is not minted for longer than a day.
  if (!Number.isInteger(lifetimeSeconds) || lifetimeSeconds < 1 || lifetimeSeconds > MAX_LIFETIME_SECONDS) {
    const fix = `write whole seconds, 1 to ${MAX_LIFETIME_SECONDS}`
    throw new CountersignError('option-invalid', { detail: { option: 'lifetimeSeconds', fix } })
  }
  // Condition: a token is not minted by a key without a name.
  if (key.kid === undefined) throw keyInvalid('give the key a "kid": the trust bundle knows it by that name')
  const iat = nowSeconds(clock)
  const exp = iat + lifetimeSeconds
  const tokenId = randomNonce()
  const claims = {
    ...(issuer === undefined ? {} : { iss: issuer }),
    sub: id,
    iat,
    exp,
    jti: tokenId,
    cnf: { jwk: { ...publicMembers(proofKey), alg: algorithmOf(proofKey) } },
    ...(sealKey === undefined ? {} : { [SEAL_CLAIM]: { ...publicMembers(sealKey), use: 'enc' } }),
  }
  const header = { alg: algorithmOf(key), kid: key.kid, typ: 'wit+jwt' }
  return { token: await signClaims(claims, header, key), tokenId, expiresAt: exp * 1000 }
}

async function signClaims(claims: Record<string, unknown>, header: { alg: string }, key: Jwk): Promise<string> {
  const { d } = key
  // Condition: a token is not minted by a public key.
  if (d === undefined) throw keyInvalid('give the private key')
  try {
    return await new SignJWT(claims).setProtectedHeader(header).sign({ ...publicMembers(key), d })
  } catch {
    // The cause may quote the key.
    throw keyInvalid('the key material is not valid for its type')
  }
}
