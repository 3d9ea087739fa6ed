import type { Code } from '../core/codes.ts'
import type { MaybePromise } from '../core/maybe-promise.ts'
import type { Peer } from '../identity/peer.ts'

/** What was decided about a call, and by which rule. */
export interface Decision {
  readonly effect: 'allow' | 'deny'
  /** The id of the rule that decided; undefined where none did, which denies. */
  readonly rule?: string
  /** Why not: `policy-denied`, or `encryption-required` where nothing but sealing is missing. */
  readonly code?: Code
  /** The call passes, but only because a denial is observed and not enforced: `rule` and `code` are that denial's. */
  readonly observed?: boolean
}

/** What is asked: may this caller do this here? */
export interface PolicyQuestion {
  /** Who calls, as it was proven; `anonymous` where nothing was. */
  readonly peer: Peer
  /** As it stands in the request line: methods are case-sensitive. */
  readonly method: string
  /** The signed path in its canonical spelling, from the first slash, without the query. */
  readonly path: string
  /** Whether the body arrived sealed; default false. */
  readonly sealed?: boolean
  /** The address of the other end of the connection. No rule of this version asks for it. */
  readonly address?: string
  /** For whom the call is made. No rule of this version asks for it. */
  readonly transaction?: unknown
}

/**
 * Decides about calls: a policy of this library, or anything of your own. A throw refuses the call.
 *
 * @example
 * const opening: Authorizer = { decide: ({ peer }) => ({ effect: peer.id === 'anonymous' ? 'deny' : 'allow' }) }
 */
export interface Authorizer {
  decide(question: PolicyQuestion): MaybePromise<Decision>
}
