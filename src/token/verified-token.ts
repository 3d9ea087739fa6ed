import type { JsonObject } from '../core/json.ts'
import type { Jwk, VerifyingKey } from '../crypto/primitives.ts'
import type { SignatureSuite } from '../crypto/suites.ts'
import type { WorkloadId } from '../identity/workload-id.ts'

/**
 * A workload identity token that held when it was verified. It shows which workload a trusted issuer bound to which
 * key; who sent it is shown only by a proof made with that key.
 */
export interface VerifiedToken {
  readonly token: string
  readonly id: WorkloadId
  readonly issuer?: string
  /** The `kid` of the trusted key that signed it. */
  readonly keyId: string
  readonly tokenId?: string
  /** Epoch milliseconds, without tolerance. */
  readonly expiresAt: number
  /** The one algorithm of the proof key. */
  readonly suite: SignatureSuite
  readonly proofKey: VerifyingKey
  /** RFC 7638 thumbprint of the proof key. */
  readonly proofKeyId: string
  /** The public key to seal to, under its thumbprint. */
  readonly sealKey?: Jwk & { readonly kid: string }
  /** All claims, frozen to the bottom. */
  readonly claims: JsonObject
}
