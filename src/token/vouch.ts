import type { JsonObject } from '../core/json.ts'
import { readWorkloadId, type WorkloadId } from '../identity/workload-id.ts'
import type { Anchor, Trust } from '../trust/trust.ts'
import { tokenInvalid, tokenUntrusted } from './refusal.ts'
import type { WitHeader } from './wit-header.ts'

/** Reads whom a token is about. */
export function readSubject(claims: JsonObject): WorkloadId {
  const id = typeof claims.sub === 'string' ? readWorkloadId(claims.sub) : undefined
  // Condition: a token whose "sub" is no workload identifier is refused.
  if (id === undefined) throw tokenInvalid('sub')
  return id
}

/** Holds a token about a SPIFFE identifier to what SPIFFE demands besides. */
export function checkSpiffe(id: WorkloadId, header: WitHeader, claims: JsonObject): void {
  if (id.scheme !== 'spiffe') return
  // Condition: a SPIFFE token without "kid" is refused.
  if (header.kid === undefined) throw tokenInvalid('kid')
  // Condition: a SPIFFE token with "aud" is refused.
  if (claims.aud !== undefined) throw tokenInvalid('aud')
}

/** Chooses the one trusted key that may have signed: by the origin of the subject, then by name, never by `iss`. */
export function chooseAnchor(id: WorkloadId, header: WitHeader, trust: Trust): Anchor {
  const anchors = trust.anchorsFor(id) ?? []
  // Condition: a token whose origin nobody is trusted for is refused.
  if (anchors.length === 0) throw tokenUntrusted('origin')
  // Condition: a token without "kid" is refused where more than one key is trusted.
  if (header.kid === undefined && anchors.length > 1) throw tokenUntrusted('kid')
  const anchor = header.kid === undefined ? anchors[0] : anchors.find(({ keyId }) => keyId === header.kid)
  // Condition: a token whose "kid" names no key trusted for its origin is refused.
  if (anchor === undefined) throw tokenUntrusted('kid')
  // Condition: a token whose "alg" does not fit the trusted key is refused.
  if (anchor.suite !== header.suite) throw tokenInvalid('alg', anchor.keyId)
  return anchor
}

/** Reads who issued a token, and holds it to the issuers the trust bundle lists, where it lists any. */
export function readIssuer(claims: JsonObject, allowed: readonly string[] | undefined): string | undefined {
  const { iss } = claims
  // Condition: a token whose "iss" is not a string is refused.
  if (iss !== undefined && typeof iss !== 'string') throw tokenInvalid('iss')
  // Condition: a token whose "iss" is not among the issuers listed for its trust domain is refused.
  if (allowed !== undefined && (iss === undefined || !allowed.includes(iss))) throw tokenUntrusted('iss')
  return iss
}
