import type { Authenticator } from '../../peer/authenticator.ts'
import type { Authorizer } from '../../policy/decision.ts'
import type { Mode } from '../engine.ts'

/** What a guard is told: who may call, and within which bounds. */
export interface GuardOptions {
  /** Who may do what. Required: deciding is explicit. */
  readonly policy: Authorizer
  /** Which proofs count; default `[workloadProof()]`. */
  readonly accept?: readonly Authenticator[]
  /** `'observe'` lets bad proofs and denials pass and writes them down; default the workload's mode. */
  readonly mode?: Mode
  /** `'required'`: a plaintext body is answered with 415; default `'optional'`: the policy may still demand it by route. */
  readonly seal?: 'optional' | 'required'
  /** The largest body, both ways, that is buffered: default 1 MiB. What streams has no limit here; see `docs/streams.md`. */
  readonly maxBodyBytes?: number
  /** Exact full paths, GET and HEAD only, that need no proof, such as `/healthz`. */
  readonly exempt?: readonly string[]
  /** Fields no proof covers that handlers see all the same, in lower case: see `docs/headers.md`. */
  readonly pass?: readonly string[]
  /** Protocols that may be upgraded to, where the signature covers the upgrade. */
  readonly upgrades?: readonly string[]
  /**
   * Parses JSON bodies once, here, and gives them as `req.body`: a later `express.json()` finds its work done. The bytes
   * themselves cannot be read again then. A Fetch handler has `request.json()` anyway. Default: bodies are only verified.
   */
  readonly json?: boolean
  /**
   * The hops before this service that are believed in what they say of those behind them (`X-Forwarded-For`, `Client-Cert`,
   * `X-Forwarded-Client-Cert`): addresses, ranges such as `10.0.0.0/8`, or identifiers of workloads that show their
   * certificate on the connection. Default none.
   */
  readonly trustedProxies?: readonly string[]
  /** What an ingress cuts off the path: put back before the signature is verified. */
  readonly strippedPrefix?: string
}
