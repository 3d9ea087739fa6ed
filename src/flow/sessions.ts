import { platform } from '#platform'
import type { Clock } from '../core/clock.ts'
import type { Peer } from '../identity/peer.ts'
import { MAX_SESSION_SECONDS } from '../session/handshake.ts'
import type { ServerSession } from '../session/server-session.ts'
import type { SessionOptions } from '../session/session-options.ts'
import { SessionTable } from '../session/session-table.ts'
import type { VerifiedToken } from '../token/verify-wit.ts'
import type { PeerMemory } from './peer-memory.ts'
import { createRation, type Ration } from './ration.ts'
import type { Vouched } from './vouched.ts'

/** After a restart every caller is told at once, and each of these answers saves a call. */
const REFUSALS_PER_SECOND = 5_000

/** Whose tokens a session rests on: the caller's, and the key that vouched for ours when it was opened. */
export interface SessionHolder extends Vouched {
  /** Who calls, as every call of the session names him. */
  readonly peer: Peer
  readonly ownKeyId: string
}

/** A session that was opened here. */
export type OpenSession = ServerSession<SessionHolder>

/** The sessions of a workload: those that others have opened here, and what holds for all. */
export interface Sessions {
  readonly table: SessionTable<SessionHolder>
  readonly lifetimeSeconds: number
  /** How often each identity may open one. */
  readonly handshakes: Ration
  /** How often each address is told, by a signature, that a session is not known: apart from other refusals. */
  readonly refusals: Ration
  /** Counts how often sessions were ended by hand: what was being opened meanwhile is not taken in. */
  epoch: number
}

/** What is known of the other end of a session. */
export interface SessionFacts {
  /** The identifier of the other workload. */
  readonly peer: string
  /** The `kid` of the trusted key that vouches for its token. */
  readonly keyId: string
  /** The thumbprint of the key its token names. */
  readonly proofKeyId: string
  /** The `jti` of its token. */
  readonly tokenId?: string
}

/** Picks sessions. */
export type SessionMatcher = (session: SessionFacts) => boolean

interface SessionEnds {
  readonly sessions: Sessions | undefined
  readonly peers: PeerMemory
}

/** Makes the memory of sessions; each option has its default. */
export function createSessions(options: SessionOptions, clock: Clock): Sessions {
  const { lifetimeSeconds = MAX_SESSION_SECONDS, maxPerInstance = 4, maxSessions = 10_000 } = options
  const { handshakesPerMinute = 1_200 } = options
  const { monotonicMs } = platform
  return {
    table: new SessionTable({ maxPerInstance, maxSessions, clock, monotonicMs }),
    lifetimeSeconds,
    handshakes: createRation({ count: handshakesPerMinute, perMs: 60_000, monotonicMs }),
    refusals: createRation({ count: REFUSALS_PER_SECOND, perMs: 1_000, monotonicMs }),
    epoch: 0,
  }
}

/** Ends sessions at both ends of this workload: those others have opened here, and those it has opened itself. */
export function endSessions({ sessions, peers }: SessionEnds, matches: SessionMatcher): number {
  if (sessions === undefined) return 0
  sessions.epoch++
  let count = sessions.table.end(({ holder }) => matches(factsOf(holder.token)))
  for (const { lines } of peers.all()) {
    for (const line of lines.values()) {
      if (line.session === undefined || !matches(factsOf(line.session.token))) continue
      line.session.isEnded = true
      line.session = undefined
      count++
    }
  }
  return count
}

function factsOf({ id, keyId, proofKeyId, tokenId }: VerifiedToken): SessionFacts {
  return Object.freeze({ peer: id.id, keyId, proofKeyId, ...(tokenId === undefined ? {} : { tokenId }) })
}
