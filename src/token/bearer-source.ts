import type { MaybePromise } from '../core/maybe-promise.ts'
import type { Jwk } from '../crypto/primitives.ts'

/** An access token as its issuer gave it to us. */
export interface GivenBearer {
  readonly token: string
  /** When it ends, in epoch milliseconds. Where it is left out the token is used until a service refuses it. */
  readonly expiresAt?: number | undefined
  /** The private key that the token is bound to, ES256 or Ed25519: each call then carries a DPoP proof by it. */
  readonly dpopKey?: Jwk | undefined
}

/**
 * Gets an access token: from a provider by whichever grant, or from `issueToken`. It is called once for all calls that wait
 * for a token, 30 seconds before the token expires (of one that lives for less than 90, when a third of its life is left), and
 * when a service refused it. It has 30 seconds to answer.
 */
export type BearerSource = () => MaybePromise<GivenBearer>
