import type { BoundTrail } from '../audit/trail.ts'
import type { Clock } from '../core/clock.ts'
import type { Report } from '../core/notice.ts'
import type { ReplayStore } from '../replay/store.ts'
import type { TokenVerifier } from '../token/verify-wit.ts'
import type { CredentialHolder } from '../token/wallet.ts'
import type { TrustHolder } from '../trust/holder.ts'
import type { PeerMemory } from './peer-memory.ts'
import type { Ration } from './ration.ts'

/** Whether what is not proven is refused, or passed on and written down. */
export type Mode = 'enforce' | 'observe'

/** Delivers one HTTP exchange: `fetch`, or something with its shape. */
export type Transport = (url: string, init: RequestInit) => Promise<Response>

/** Finds the workload behind a URL: what a call's answer is then held to. */
export type PeerLookup = (url: URL) => string | undefined

/** Everything a call needs, put together once by `createWorkload` and frozen. */
export interface Engine {
  readonly id: string
  readonly clock: Clock
  readonly toleranceSeconds: number
  readonly mode: Mode
  readonly credentials: CredentialHolder
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
  /** Throws `workload-closed` after `close()`. */
  assertOpen(): void
}
