import { advance } from '../core/advance.ts'
import type { Clock } from '../core/clock.ts'
import type { SessionKeys } from './derive.ts'
import type { PendingSession, ServerSession } from './server-session.ts'
import { Tally } from './tally.ts'
import type { Window } from './window.ts'

/** The bounds of a table, and its clocks. */
export interface SessionTableOptions {
  readonly maxSessions: number
  readonly maxPerInstance: number
  readonly clock: Clock
  readonly monotonicMs: () => number
}

interface Kept<Holder> {
  readonly session: PendingSession<Holder>
  /** The same, once it has its keys. */
  open: ServerSession<Holder> | undefined
  /** Monotonic: however the wall clock is set, a session lives no longer than was agreed. */
  readonly endsAtMs: number
}

interface Ended {
  readonly peer: string
  readonly window: Window
}

/** Nobody takes more than this part of a table, however many processes it has. */
const SHARES = 4
const SWEEP_MS = 1_000

/**
 * The sessions that others have opened here, bounded for each instance of a caller, for each caller and in all. A session
 * that has ended has no keys any more; its window stays until the last call it has admitted has expired, so that none of
 * these runs again under another proof.
 */
export class SessionTable<Holder> {
  readonly #options: SessionTableOptions
  /** In the order in which they were opened. */
  readonly #sessions = new Map<string, Kept<Holder>>()
  readonly #byInstance = new Map<string, Set<string>>()
  readonly #ended = new Map<string, Ended>()
  /** Sessions and windows of each caller. */
  readonly #byPeer = new Tally()
  #sweptAtMs = Number.NEGATIVE_INFINITY
  #forgottenUntil = Number.NEGATIVE_INFINITY

  constructor(options: SessionTableOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#sessions.size
  }

  /** How many windows of ended sessions are kept. */
  get ended(): number {
    return this.#ended.size
  }

  /** Whether this instance may open a session now, if need be in place of one of its own. */
  hasRoom(peer: string, instance: string): boolean {
    this.#sweep()
    if (this.#isRoomFor(peer, instance)) return true
    this.#sweepAll()
    return this.#isRoomFor(peer, instance)
  }

  /**
   * Takes a session in, without its keys, or gives undefined where there is no room. An instance that has its share loses
   * its own oldest one, never another's. What is given back completes it: until then nobody finds it.
   */
  open(session: PendingSession<Holder>): ((keys: SessionKeys) => void) | undefined {
    if (!this.hasRoom(session.peer, session.instance)) return undefined
    const { maxPerInstance, maxSessions, clock, monotonicMs } = this.#options
    const name = nameOf(session.peer, session.instance)
    // Condition: a session beyond the share of an instance takes the place of its own oldest one.
    const own = this.#byInstance.get(name)
    if (own !== undefined && (own.size >= maxPerInstance || this.#sessions.size >= maxSessions)) {
      const [oldest = ''] = own
      this.close(oldest)
    }
    this.#byInstance.set(name, (this.#byInstance.get(name) ?? new Set()).add(session.id))
    this.#byPeer.add(session.peer)
    const endsAtMs = monotonicMs() + session.expiresAt - clock.now()
    const kept: Kept<Holder> = { session, open: undefined, endsAtMs }
    this.#sessions.set(session.id, kept)
    return (keys) => {
      kept.open = advance(session, { keys })
    }
  }

  /** The session of this name, if it still lives. */
  find(id: string): ServerSession<Holder> | undefined {
    const kept = this.#sessions.get(id)
    if (kept === undefined) return undefined
    // Condition: a session whose time is over, by either clock, is not known any more.
    if (this.#isAlive(kept)) return kept.open
    this.close(id)
    return undefined
  }

  /** The window of a session of this caller, also of one that has ended. */
  windowOf(id: string, peer: string): Window | undefined {
    const kept = this.#sessions.get(id)?.session ?? this.#ended.get(id)
    // Condition: nobody's calls are judged by the window of somebody else's session.
    return kept?.peer === peer ? kept.window : undefined
  }

  /**
   * Whether a call that is good until then may have been claimed in a window that was dropped: however the clock was set
   * since, or however long somebody took to make the call again.
   */
  hasForgotten(until: number): boolean {
    return until <= this.#forgottenUntil
  }

  /** Ends every session that matches, at once; gives their number. */
  end(matches: (session: PendingSession<Holder>) => boolean): number {
    let count = 0
    for (const [id, { session }] of this.#sessions) {
      if (!matches(session)) continue
      this.close(id)
      count++
    }
    return count
  }

  /** Ends one session. */
  close(id: string): void {
    const kept = this.#sessions.get(id)
    if (kept === undefined) return
    const { peer, instance, window } = kept.session
    const name = nameOf(peer, instance)
    const own = this.#byInstance.get(name)
    own?.delete(id)
    if (own?.size === 0) this.#byInstance.delete(name)
    this.#sessions.delete(id)
    this.#ended.set(id, { peer, window })
    this.#drop(id, { peer, window })
  }

  #isRoomFor(peer: string, instance: string): boolean {
    const { maxSessions, maxPerInstance } = this.#options
    // Condition: a caller that holds a quarter of the table, with the windows it has left behind, opens no more.
    if (this.#byPeer.of(peer) >= Math.max(2 * maxPerInstance, maxSessions / SHARES)) return false
    // Condition: a session is refused while the windows of ended sessions take the room of all sessions.
    if (this.#ended.size >= maxSessions) return false
    // Condition: an instance that has no session yet gets none where the table is full.
    return this.#sessions.size < maxSessions || this.#byInstance.has(nameOf(peer, instance))
  }

  #isAlive({ session, endsAtMs }: Kept<Holder>): boolean {
    const { clock, monotonicMs } = this.#options
    return clock.now() < session.expiresAt && monotonicMs() < endsAtMs
  }

  #isOver(window: Window): boolean {
    const { clock, monotonicMs } = this.#options
    return window.isOver(clock.now(), monotonicMs())
  }

  /** Drops what time has ended, from the front, where the oldest are: the cost does not grow with what is kept. */
  #sweep(): void {
    for (const [id, kept] of this.#sessions) {
      if (this.#isAlive(kept)) break
      this.close(id)
    }
    for (const [id, ended] of this.#ended) if (!this.#drop(id, ended)) break
  }

  /** The same for all, once a second at most: some have ended before others that came earlier. */
  #sweepAll(): void {
    const now = this.#options.monotonicMs()
    if (now < this.#sweptAtMs + SWEEP_MS) return
    this.#sweptAtMs = now
    for (const [id, kept] of this.#sessions) if (!this.#isAlive(kept)) this.close(id)
    for (const [id, ended] of this.#ended) this.#drop(id, ended)
  }

  #drop(id: string, { peer, window }: Ended): boolean {
    if (!this.#isOver(window)) return false
    this.#forgottenUntil = Math.max(this.#forgottenUntil, window.until)
    this.#ended.delete(id)
    this.#byPeer.remove(peer)
    return true
  }
}

function nameOf(peer: string, instance: string): string {
  return `${peer} ${instance}`
}
