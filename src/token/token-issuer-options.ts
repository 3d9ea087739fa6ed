import type { Clock } from '../core/clock.ts'
import type { Jwk } from '../crypto/primitives.ts'
import type { CredentialSource } from '../keys/credentials.ts'
import type { JwkSet } from '../keys/jwk.ts'

/** Who issues access tokens, and with which keys. */
export interface TokenIssuerOptions {
  /** What stands in `iss`: the URL of the service that issues, by custom. No identifier of a workload. */
  readonly issuer: string
  /**
   * Private keys for ES256 or Ed25519, each with a `kid`: a set, or `credentialFile(path)`, which is watched. The first signs;
   * all are published. They sign nothing else: give it no keys of a workload.
   */
  readonly keys: JwkSet | CredentialSource
  /** Where the time comes from; by default the machine's. */
  readonly clock?: Clock | undefined
}

/** What an access token is to say. */
export interface IssueTokenOptions {
  /** Who may use it: `sub`, printable ASCII without spaces. Services see the caller as `<issuer>/<subject>`. */
  readonly subject: string
  /** Which services it is for: what these give as their `audience`. */
  readonly audience: string | readonly string[]
  /** What it permits: names without spaces, in `scope`. None by default. */
  readonly permissions?: readonly string[] | undefined
  /** How long it holds: 300 seconds by default, at most 86,400. */
  readonly lifetimeSeconds?: number | undefined
  /** The program that asks for it: `client_id`. The subject by default. */
  readonly clientId?: string | undefined
  /** What it says besides, as JSON; services have it in `peer.claims`. */
  readonly claims?: Readonly<Record<string, unknown>> | undefined
  /** The public key of its holder, ES256 or Ed25519: the token is then taken with DPoP proofs by that key alone. */
  readonly confirmation?: Jwk | undefined
}
