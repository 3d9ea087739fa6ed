import type { BoundTrail } from '../audit/trail.ts'
import type { Bytes } from '../core/bytes.ts'
import type { Clock } from '../core/clock.ts'
import type { MaybePromise } from '../core/maybe-promise.ts'
import type { Report } from '../core/notice.ts'
import type { CertificateHolder } from '../keys/certificate-holder.ts'
import type { ReplayStore } from '../replay/store.ts'
import type { TokenVerifier } from '../token/verify-wit.ts'
import type { CredentialHolder } from '../token/wallet.ts'
import type { TrustHolder } from '../trust/holder.ts'
import type { CallUrl } from './call-url.ts'
import type { PeerMemory } from './peer-memory.ts'
import type { ProvenWorkloads } from './proven-workloads.ts'
import type { Ration } from './ration.ts'
import type { Sessions } from './sessions.ts'

/** Whether what is not proven is refused, or passed on and written down. */
export type Mode = 'enforce' | 'observe'

/** One request as `Transport.exchange` is given it: all of it is signed, and has to travel as it is. */
export interface ExchangeRequest {
  /** Where it goes, such as `https://ledger.example:8443`. */
  readonly origin: string
  /** Path and query as they stand in the request line. */
  readonly target: string
  readonly method: string
  /** The header as a flat list: name, value, name, value … */
  readonly fields: readonly string[]
  /** A stream is read as fast as it can be sent, and cancelled where the rest of it is not wanted. */
  readonly body: Bytes | ReadableStream<Bytes> | undefined
  /** Ends the exchange in every phase; the promise then rejects with its reason. */
  readonly signal: AbortSignal | undefined
  /** The largest body that may be gathered. */
  readonly maxBytes: number
  /** Tells by its header that an answer is a stream: its body may be given as one, however long it is. Never by default. */
  isStream?(fields: readonly string[]): boolean
}

/** One answer as `Transport.exchange` gives it: the final one, not decoded, without its trailers. */
export interface ExchangeAnswer {
  readonly status: number
  /** The header as a flat list, in order, repeated fields (such as `set-cookie`) kept apart. */
  readonly fields: readonly string[]
  /** The whole body, empty where there is none, in a buffer of its own; or the body of a stream as it comes. */
  readonly body: Bytes | 'too-large' | ReadableStream<Uint8Array>
}

/**
 * Delivers one HTTP exchange: `fetch`, or something with its shape. A transport that also has `exchange` is asked
 * through it alone: that spares the objects of fetch, which cost more than the exchange itself. It proves nothing; the
 * engine verifies every answer.
 *
 * @example
 * const transport: Transport = (url, init) => fetch(url, { ...init, keepalive: true })
 */
export interface Transport {
  (url: string, init: RequestInit): Promise<Response>
  /**
   * Sends the request once and reads the whole answer. It follows no redirect, does not send again what may have
   * arrived, stops reading as soon as the body is larger than `maxBytes`, and rejects where the answer is cut short. Of
   * an answer that `isStream` says is a stream it gives the body as one, which fails where the answer is cut short.
   */
  readonly exchange?: (request: ExchangeRequest) => Promise<ExchangeAnswer>
}

/** Finds the workload behind a URL: what a call's answer is then held to. */
export type PeerLookup = (url: CallUrl) => string | undefined

/** Everything a call needs, put together once by `createWorkload` and frozen. */
export interface Engine {
  readonly id: string
  readonly clock: Clock
  readonly toleranceSeconds: number
  readonly mode: Mode
  readonly credentials: CredentialHolder
  /** What the workload shows in TLS connections; undefined where it has no certificate. */
  readonly certificate: CertificateHolder | undefined
  readonly trust: TrustHolder
  readonly tokens: TokenVerifier
  readonly replay: ReplayStore
  readonly audit: BoundTrail
  /** How parts of the engine say what happened to them. */
  readonly report: Report
  /** Origins and URL prefixes that mean this workload in `wimse-aud`. */
  readonly audiences: readonly string[]
  readonly peerAt: PeerLookup
  readonly transport: Transport
  readonly peers: PeerMemory
  readonly unproven: Ration
  /** Who was seen to prove itself, of those who may also come with less. */
  readonly proven: ProvenWorkloads
  /** Undefined where sessions are off. */
  readonly sessions: Sessions | undefined
  /** Has something done when the workload is closed: at once where it is. */
  onClose(task: () => MaybePromise<void>): void
  /** Throws `workload-closed` after `close()`. */
  assertOpen(): void
}
