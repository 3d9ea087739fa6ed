import type { Clock } from '../core/clock.ts'
import type { ServerSession } from './server-session.ts'
import type { Window } from './window.ts'

/** The bounds of a table, and its clocks. */
export interface SessionTableOptions {
  readonly maxSessions: number
  readonly maxPerInstance: number
  readonly clock: Clock
  readonly monotonicMs: () => number
}

interface Kept<Holder> {
  readonly session: ServerSession<Holder>
  /** Monotonic: however the wall clock is set, a session lives no longer than was agreed. */
  readonly endsAtMs: number
}

interface Ended {
  readonly peer: string
  readonly window: Window
}

/**
 * The sessions that others have opened here, bounded for each instance of a caller and in all. A session that has ended
 * has no keys any more; its window stays until the last call it has admitted has expired, so that none of these runs
 * again under another proof.
 */
export class SessionTable<Holder> {
  readonly #options: SessionTableOptions
  /** In the order in which they were opened. */
  readonly #sessions = new Map<string, Kept<Holder>>()
  readonly #byInstance = new Map<string, Set<string>>()
  readonly #ended = new Map<string, Ended>()

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
    const { maxSessions } = this.#options
    // Condition: a session is refused while the windows of ended sessions take the room of all sessions.
    if (this.#ended.size >= maxSessions) return false
    // Condition: an instance that has no session yet gets none where the table is full.
    return this.#sessions.size < maxSessions || this.#byInstance.has(nameOf(peer, instance))
  }

  /** Takes a session in; an instance that has its share loses its own oldest one, never another's. */
  open(session: ServerSession<Holder>): void {
    const { maxPerInstance, maxSessions, clock, monotonicMs } = this.#options
    const name = nameOf(session.peer, session.instance)
    const own = this.#byInstance.get(name) ?? new Set()
    // Condition: a session beyond the share of an instance takes the place of its own oldest one.
    if (own.size >= maxPerInstance || this.#sessions.size >= maxSessions) {
      const [oldest] = own
      if (oldest !== undefined) this.close(oldest)
    }
    this.#byInstance.set(name, own.add(session.id))
    const endsAtMs = monotonicMs() + session.expiresAt - clock.now()
    this.#sessions.set(session.id, { session, endsAtMs })
  }

  /** The session of this name, if it still lives. */
  find(id: string): ServerSession<Holder> | undefined {
    const kept = this.#sessions.get(id)
    if (kept === undefined) return undefined
    const { clock, monotonicMs } = this.#options
    // Condition: a session whose time is over, by either clock, is not known any more.
    if (clock.now() < kept.session.expiresAt && monotonicMs() < kept.endsAtMs) return kept.session
    this.close(id)
    return undefined
  }

  /** The window of a session of this caller, also of one that has ended. */
  windowOf(id: string, peer: string): Window | undefined {
    const kept = this.#sessions.get(id)?.session ?? this.#ended.get(id)
    // Condition: nobody's calls are judged by the window of somebody else's session.
    return kept?.peer === peer ? kept.window : undefined
  }

  /** Ends every session that matches, at once; gives their number. */
  end(matches: (session: ServerSession<Holder>) => boolean): number {
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
    if (!this.#isOver(window)) this.#ended.set(id, { peer, window })
  }

  #isOver(window: Window): boolean {
    const { clock, monotonicMs } = this.#options
    return window.isOver(clock.now(), monotonicMs())
  }

  /** Drops what time has ended, from the front, where the oldest are: the cost does not grow with what is kept. */
  #sweep(): void {
    for (const id of this.#sessions.keys()) if (this.find(id) !== undefined) break
    for (const [id, { window }] of this.#ended) {
      if (!this.#isOver(window)) break
      this.#ended.delete(id)
    }
  }
}

function nameOf(peer: string, instance: string): string {
  return `${peer} ${instance}`
}
