import { compactVerify } from 'jose'
import { type Clock, nowSeconds } from '../core/clock.ts'
import { CountersignError, isCountersignError } from '../core/errors.ts'
import type { JsonObject } from '../core/json.ts'
import type { Jwk } from '../crypto/primitives.ts'
import type { WorkloadId } from '../identity/workload-id.ts'
import type { Anchor, Trust } from '../trust/trust.ts'
import type { GatedToken } from './gate.ts'
import { checkLifetime } from './lifetime.ts'
import { isSameKey, readProofKey, readSealKey } from './named-keys.ts'
import { tokenInvalid } from './refusal.ts'
import type { VerifiedToken } from './verified-token.ts'
import { checkSpiffe, chooseAnchor, readIssuer, readSubject } from './vouch.ts'
import { readHeader, type WitHeader } from './wit-header.ts'

/** What a token is judged by. */
export interface Grounds {
  readonly trust: Trust
  readonly clock: Clock
  readonly toleranceSeconds: number
  /** Looks for a newer version of trust where a token of this origin names a key that is not known. */
  readonly renew?: (origin: string) => Promise<Trust | undefined>
}

/** A token that held, and the version of trust that vouched for it. */
export interface Examined {
  readonly verified: VerifiedToken
  readonly generation: number
}

/** Verifies a workload identity token that has passed the gate: every check, in the order of the standard. */
export async function examineWit(token: string, { header, claims }: GatedToken, grounds: Grounds): Promise<Examined> {
  const { clock, toleranceSeconds } = grounds
  const head = readHeader(header)
  const id = readSubject(claims)
  checkSpiffe(id, head, claims)
  const { anchor, trust } = await findAnchor(id, head, grounds)
  const { keyId } = anchor
  const issuer = readIssuer(claims, trust.issuersFor(id))
  await verifySignature(token, anchor, head.alg)
  const { exp } = checkLifetime(claims, { nowSeconds: nowSeconds(clock), toleranceSeconds, keyId })
  const proof = await readProofKey(claims, keyId)
  const sealKey = await readSealKey(claims, keyId)
  checkOneUse({ proof: proof.jwk, seal: sealKey, anchors: trust.anchorsFor(id) ?? [] }, keyId)
  const tokenId = readTokenId(claims, keyId)
  checkRevoked(trust, { id, keyIds: [keyId, proof.keyId, ...(sealKey ? [sealKey.kid] : [])], tokenId })
  const verified = Object.freeze({
    token,
    id,
    ...(issuer === undefined ? {} : { issuer }),
    keyId,
    ...(tokenId === undefined ? {} : { tokenId }),
    expiresAt: exp * 1000,
    suite: proof.suite,
    proofKey: proof.key,
    proofKeyId: proof.keyId,
    ...(sealKey === undefined ? {} : { sealKey }),
    claims,
  })
  return { verified, generation: trust.generation }
}

/** A key that was published a moment ago may not be known yet: it is looked for once. */
async function findAnchor(id: WorkloadId, head: WitHeader, { trust, renew }: Grounds) {
  // Condition: a token is not judged by trust that has grown too old.
  trust.assertFresh(id)
  try {
    return { anchor: chooseAnchor(id, head, trust), trust }
  } catch (error) {
    const isUnknown = isCountersignError(error, 'token-untrusted') && error.detail.step === 'kid'
    const newer = isUnknown ? await renew?.(id.origin) : undefined
    if (newer === undefined) throw error
    return { anchor: chooseAnchor(id, head, newer), trust: newer }
  }
}

async function verifySignature(token: string, { keyId, jwk }: Anchor, alg: string): Promise<void> {
  const { kty, crv = '', x = '', y } = jwk
  // Only what makes it this key: a bundle's "use" and "alg" were judged when it was loaded.
  const key = y === undefined ? { kty, crv, x } : { kty, crv, x, y }
  try {
    await compactVerify(token, key, { algorithms: [alg] })
  } catch {
    // Condition: a token whose signature does not hold under the trusted key is refused.
    throw tokenInvalid('signature', keyId)
  }
}

interface NamedKeys {
  readonly proof: Jwk
  readonly seal: Jwk | undefined
  readonly anchors: readonly Anchor[]
}

function checkOneUse({ proof, seal, anchors }: NamedKeys, keyId: string): void {
  // Condition: a token whose seal key is its "cnf" key is refused.
  if (seal !== undefined && isSameKey(seal, proof)) throw tokenInvalid('one-use', keyId)
  const vouches = (key: Jwk) => anchors.some(({ jwk }) => isSameKey(jwk, key))
  // Condition: a token whose "cnf" key also vouches for tokens is refused.
  if (vouches(proof)) throw tokenInvalid('one-use', keyId)
  // Condition: a token whose seal key also vouches for tokens is refused.
  if (seal !== undefined && vouches(seal)) throw tokenInvalid('one-use', keyId)
}

function readTokenId(claims: JsonObject, keyId: string): string | undefined {
  const { jti } = claims
  // Condition: a token whose "jti" is not a string is refused.
  if (jti !== undefined && typeof jti !== 'string') throw tokenInvalid('jti', keyId)
  return jti
}

interface Named {
  readonly id: WorkloadId
  readonly keyIds: readonly string[]
  readonly tokenId: string | undefined
}

function checkRevoked(trust: Trust, { id, keyIds, tokenId }: Named): void {
  const revoked = (step: string) =>
    new CountersignError('token-revoked', {
      detail: { step, ...(keyIds[0] === undefined ? {} : { keyId: keyIds[0] }) },
    })
  // Condition: a token of a revoked workload is refused.
  if (trust.isRevoked({ id: id.id })) throw revoked('workload')
  // Condition: a token that was signed by a revoked key or names one is refused.
  if (keyIds.some((keyId) => trust.isRevoked({ keyId }))) throw revoked('key')
  // Condition: a token whose "jti" was revoked is refused.
  if (tokenId !== undefined && trust.isRevoked({ tokenId })) throw revoked('token')
}
