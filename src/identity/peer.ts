/** Who makes a call, as established by a proof. What a message merely says about its sender never becomes one. */
export interface Peer {
  /** The workload identifier, or `anonymous` where nothing was proven. */
  readonly id: string
  /** `session`, `signature`, `proof-token`, `certificate`, `bearer`, `api-key`, `none`, or an authenticator's own name. */
  readonly authenticatedBy: string
  readonly trustDomain?: string
  readonly scopes: readonly string[]
  readonly claims: Readonly<Record<string, unknown>>
  /** Further proofs that held for the same call. */
  readonly also: readonly Peer[]
}

/** How a peer is authenticated that has shown an API key. */
export const API_KEY = 'api-key'

/** Who proved nothing. No pattern covers it; a policy must name it. */
export const anonymous: Peer = Object.freeze({
  id: 'anonymous',
  authenticatedBy: 'none',
  scopes: Object.freeze([]),
  claims: Object.freeze({}),
  also: Object.freeze([]),
})
