import type { SessionKeys } from './derive.ts'
import type { Window } from './window.ts'

/** A session whose keys are not there yet. */
export interface PendingSession<Holder> {
  readonly id: string
  /** The identifier of the caller. */
  readonly peer: string
  /** Which of the caller's processes opened it: the thumbprint of its proof key. */
  readonly instance: string
  /** Where the guard that opened it is mounted: calls lie at or below. */
  readonly basePath: string
  readonly window: Window
  readonly holder: Holder
  /** Epoch milliseconds. */
  readonly expiresAt: number
}

/** A session as the one who is called keeps it. What vouches for the caller is the holder's to judge. */
export interface ServerSession<Holder> extends PendingSession<Holder> {
  readonly keys: SessionKeys
}
