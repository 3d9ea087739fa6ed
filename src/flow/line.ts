import type { Peer } from '../identity/peer.ts'
import type { SessionKeys } from '../session/derive.ts'
import type { Vouched } from './vouched.ts'

/** A session as the one who calls keeps it. */
export interface ClientSession extends Vouched {
  readonly id: string
  readonly keys: SessionKeys
  /** Who answers, as every answer of the session names him. */
  readonly peer: Peer
  /** The key that vouched for our own token when it was opened. */
  readonly ownKeyId: string
  /** Epoch milliseconds. */
  readonly expiresAt: number
  /** Monotonic: it ends here whatever the wall clock says. */
  readonly endsAtMs: number
  /** Monotonic: from here on the next one is opened beside the calls. */
  readonly renewAtMs: number
  /** It was ended by hand: nothing that comes under it counts any more. */
  isEnded: boolean
  /** Monotonic: when the peer has last answered by its keys. */
  answeredMs: number
  /** The last counter that was given to a call. */
  counter: number
}

/** What this process has with one base URL of a peer. */
export interface Line {
  session: ClientSession | undefined
  /** The handshake that is under way: whoever needs a session waits for the same one. */
  handshake: Promise<void> | undefined
  /** Monotonic: no handshake before. */
  retryAfterMs: number
  /** How many sessions in a row the peer did not know any more before it had answered a call. */
  lost: number
}

/** A line on which nothing was said yet. */
export function createLine(): Line {
  return { session: undefined, handshake: undefined, retryAfterMs: Number.NEGATIVE_INFINITY, lost: 0 }
}

/** After a handshake that failed, or sessions that were lost in a row, calls are proven by signatures for so long. */
const PENALTY_MS = 300_000

/** Opens no session on a line for five minutes; one that still holds is used to its end. */
export function giveUp(line: Line, nowMs: number): void {
  line.lost = 0
  line.retryAfterMs = nowMs + PENALTY_MS
}
