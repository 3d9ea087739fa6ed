import type { Jwk } from '../../crypto/primitives.ts'
import type { FollowOptions } from '../../trust/remote-options.ts'

/** The JWS algorithms of access tokens (RFC 7518 §3.1, RFC 8037, RFC 9864). */
export type BearerAlgorithm =
  | 'ES256'
  | 'ES384'
  | 'ES512'
  | 'EdDSA'
  | 'Ed25519'
  | 'PS256'
  | 'PS384'
  | 'PS512'
  | 'RS256'
  | 'RS384'
  | 'RS512'
  | 'HS256'
  | 'HS384'
  | 'HS512'

/** How tokens that are bound to a key of their holder are taken (RFC 9449). */
export interface DpopOptions {
  /** Only tokens that are bound to a key are taken. Default false: a token that is bound needs its proof, another none. */
  readonly required?: boolean | undefined
  /**
   * Proofs have to carry a nonce of ours, which is one to two minutes old at most, whatever clock the caller has.
   * `true`: a secret of this process alone makes them; where several processes answer at one address give them the same
   * 32 bytes. Default false.
   */
  readonly nonces?: boolean | Uint8Array | undefined
}

/** One issuer of access tokens, and by which rules its tokens are taken. */
export interface BearerTokenOptions extends FollowOptions {
  /** Exactly as it stands in `iss`. */
  readonly issuer: string
  /** What `aud` has to name: this service, as the issuer knows it. One of several suffices. */
  readonly audience: string | readonly string[]
  /**
   * The public keys of the issuer: the URL of its JWK Set, or the set itself. By default the URL is `jwks_uri` of
   * `<issuer>/.well-known/openid-configuration`, which has to be at the issuer's own origin.
   */
  readonly keys?: string | URL | { readonly keys: readonly Jwk[] } | undefined
  /** Which algorithms may be used; by default `ES256`, `ES384`, `EdDSA`, `Ed25519` and `PS256`. */
  readonly algorithms?: readonly BearerAlgorithm[] | undefined
  /**
   * `at+jwt`, as RFC 9068 demands: by default. `JWT` is for issuers that do not follow it: any token whose type is absent,
   * `JWT` or `at+jwt`, and which may lack `client_id` and `jti`. ID tokens look the same then: give it only with an
   * audience that no client has.
   */
  readonly type?: 'at+jwt' | 'JWT' | undefined
  /** The longest a token may live, by `nbf` or `iat` and from now on; by default 86,400 seconds, at most a year. */
  readonly maxLifetimeSeconds?: number | undefined
  /** The claims whose values become `peer.scopes`; by default `scope`, `roles`, `groups` and `entitlements`. */
  readonly permissions?: readonly string[] | undefined
  readonly dpop?: DpopOptions | undefined
  /**
   * Where the certificate is that a token may be bound to (`cnf.x5t#S256`). `'connection'`: by default. `'client-cert'`: where a
   * call comes from `trustedProxies` of the guard, in `Client-Cert`. Give it only where each of them overwrites that field: a
   * certificate is no secret, and whoever has stolen the token can send it.
   */
  readonly certificateFrom?: 'connection' | 'client-cert' | undefined
  /**
   * For a migration: subjects that are becoming workloads, and which. Once such a workload has proven itself to this process,
   * by signature or session, the tokens of its old self are refused here.
   */
  readonly successors?: Readonly<Record<string, string>> | undefined
  /**
   * A secret of at least 32 bytes that the issuer signs with (`HS256`), instead of keys. Whoever can verify a token can
   * make one: every service that has the secret is the issuer.
   */
  readonly dangerouslySharedSecret?: string | Uint8Array | undefined
}
