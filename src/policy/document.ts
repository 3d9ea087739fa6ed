/** A policy as JSON. Who is not allowed by a rule is denied. */
export interface PolicyDocument {
  readonly version: 1
  readonly rules: readonly PolicyRule[]
}

/** One rule: these callers may, or may not, call these routes. */
export interface PolicyRule {
  /** What decisions and audit events name it by; unique in the document. */
  readonly id: string
  readonly effect: 'allow' | 'deny'
  /**
   * Callers: an identifier, `spiffe://acme.internal/*` (one segment), `spiffe://acme.internal/**` (one or more), or
   * `anonymous`, whom no pattern covers.
   */
  readonly from: readonly string[]
  /**
   * Routes: a method or `*`, a space, the full path as it is signed. `:name` is one segment that is not empty; a final
   * `*` is the rest, which may be empty: `/a/*` is `/a/` and all below, not `/a`. GET means HEAD too. An allow matches
   * exactly; a deny also matches another case, a trailing slash more or less, and other escapes for the same characters,
   * since a router may take those for the same route.
   */
  readonly to: readonly string[]
  /** What must hold besides, all of it, for the rule to match. */
  readonly when?: RuleConditions
  /**
   * `'observe'` tries a rule out: a deny then denies nothing, and decisions tell that it would have; an allow allows
   * nothing, and `explain` tells whether it would match. Default `'enforce'`.
   */
  readonly mode?: 'enforce' | 'observe'
  /** RFC 3339 date and time with an offset, such as `2027-03-01T00:00:00Z`: after it the rule counts for nothing. */
  readonly notAfter?: string
}

/** Conditions of a rule. */
export interface RuleConditions {
  /** The body arrived sealed. An allow that lacks only this is answered with 415 instead of 403. */
  readonly sealed?: true
  /**
   * One of these ways to authenticate was used, first or besides: `peer.authenticatedBy`, `peer.also`. An allow that lists
   * none does not hold for who shows an API key alone: list `api-key` where that is enough.
   */
  readonly authenticatedBy?: readonly string[]
  /** The peer itself has all of these scopes; those of `peer.also` do not count. */
  readonly scope?: readonly string[]
}
