import type { BearerSource } from '../../token/bearer-source.ts'
import type { Call } from '../call-context.ts'
import type { Mode } from '../engine.ts'

/** What one call may ask for. */
export interface CallOptions {
  /**
   * `'auto'` (default) seals where the peer asks for it and over plain `http:` off loopback; `'always'` seals or fails,
   * for data that must not leak; `'never'` leaves the body plain and fails where the peer demands sealing.
   */
  readonly seal?: 'always' | 'never' | 'auto'
  /**
   * The proof to send. `'session'` (default): the keys of a session where the peer offers one, else a signature.
   * `'signature'`: always a signature, which convinces third parties, too. `'proof-token'`: a workload proof token, for
   * peers that speak only tokens; it proves who calls whom and neither method, fields nor body. The answer is verified
   * as ever.
   */
  readonly proof?: 'session' | 'signature' | 'proof-token'
  /** The call this one continues; default `currentCall()`, `null` for none. */
  readonly call?: Call | null
  /** `wimse-aud` for a foreign server that insists on its URL; the identifier of the peer is checked all the same. */
  readonly audience?: string
  readonly mode?: Mode
  /** How long to wait for the whole answer, the end of a stream included; default for ever. */
  readonly timeoutMs?: number
  /** The largest answer that is read: default 16 MiB; one that streams has no limit by default. */
  readonly maxAnswerBytes?: number
  /**
   * Takes answers of foreign servers that bind only what the draft demands. Its cost: the answer to another caller who
   * copied this call's nonce would fit.
   */
  readonly dangerouslyAcceptUnboundAnswers?: boolean
}

/** What a client is told: whom it calls, and what every call of it asks for. */
export interface ClientOptions extends CallOptions {
  /** Whatever the URL, only this workload can answer. */
  readonly peer: string
  /** What relative URLs are resolved against; default the first origin of the peer in the trust bundle. */
  readonly baseUrl?: string
  /**
   * Gives the access token that each call carries besides its proof, for peers whose handlers read it. It is covered by the
   * proof, renewed in time and when the peer refuses it (401, `invalid_token`), and goes to `baseUrl` and the origins that
   * are known of the peer alone, nowhere without TLS but on this machine; such a client follows no redirects. `timeoutMs` counts for each attempt.
   */
  readonly bearer?: BearerSource
}
