/** By which rules access tokens of one issuer are judged. */
export interface AccessTokenRules {
  /** Exactly as it stands in `iss`. */
  readonly issuer: string
  /** What `aud` has to name one of. */
  readonly audiences: readonly string[]
  /** The JWS algorithms that may be used; one that is not listed is never executed. */
  readonly algorithms: ReadonlySet<string>
  /** `at+jwt` as RFC 9068 demands, or `JWT`: any type that is no other kind of token's. */
  readonly type: 'at+jwt' | 'JWT'
  /** The longest a token may live. */
  readonly maxLifetimeSeconds?: number | undefined
  /** The claims whose values are permissions. */
  readonly permissions: readonly string[]
}
