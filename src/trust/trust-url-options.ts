import type { FollowOptions } from './remote-options.ts'

/** For which trust domain a URL speaks, and how it is followed. */
export interface TrustUrlOptions extends FollowOptions {
  /** `acme.internal` for `spiffe://acme.internal`, or `wimse://acme.internal`. Never taken from the document. */
  readonly trustDomain: string
  /** Where given, a token must name its issuer (`iss`), and it must be one of these. */
  readonly issuers?: readonly string[] | undefined
}
