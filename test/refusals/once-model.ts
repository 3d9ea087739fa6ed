import { isCountersignError } from '../../src/core/errors.ts'
import { claim } from '../../src/flow/inbound/claim.ts'
import type { GuardSettings } from '../../src/flow/inbound/guard-settings.ts'
import type { Authenticated } from '../../src/flow/inbound/stages.ts'
import type { OpenSession, SessionHolder } from '../../src/flow/sessions.ts'
import { memoryReplay } from '../../src/replay/memory-replay.ts'
import type { ReplayStore } from '../../src/replay/store.ts'
import type { SessionKeys } from '../../src/session/derive.ts'
import type { PendingSession } from '../../src/session/server-session.ts'
import { SessionTable } from '../../src/session/session-table.ts'
import { Window } from '../../src/session/window.ts'
import { checkFreshness } from '../../src/signature/proof.ts'
import type { ProofParameters } from '../../src/signature/proof-parameters.ts'

const ID = 'A'.repeat(22)
const LIFETIME_SECONDS = 60
const TOLERANCE_SECONDS = 30
const START_SECONDS = 1_800_000_000
const LEDGER = 'spiffe://acme.test/ledger'
const ORDERS = 'spiffe://acme.test/orders'

/** Which processes there are, and what time does to them. */
export interface Setting {
  readonly processes: 1 | 2
  /** Whether both claim in one store. */
  readonly shared: boolean
  readonly sessionSeconds: number
  /** Where the two clocks go, in seconds from the start: wall clock, monotonic clock. */
  readonly times: readonly (readonly [number, number])[]
  /** Whether windows go with their sessions: so the model shows that it can find what must not be. */
  readonly forgetful?: boolean
}

type Place = 'A' | 'B'
type Result = 'ran' | 'replayed' | 'unknown' | 'expired'

interface Process {
  readonly table: SessionTable<SessionHolder>
  readonly replay: ReplayStore
}

/** A message on its way: judged up to its proof, then claimed. */
interface Message {
  readonly isRepeat: boolean
  /** The message it is a copy of: it is not sent before that one. */
  readonly copyOf?: string
  readonly places: readonly Place[]
  place?: Place
  held?: OpenSession | undefined
  phase: 'unsent' | 'proven' | Result
  at: number
}

/** The monotonic clock of the world that acts: one at a time does. */
const monotonic = { ms: 0 }

/** A table as it must not be: with a session its window is gone. */
class ForgetfulTable extends SessionTable<SessionHolder> {
  override windowOf(id: string, peer: string): Window | undefined {
    return this.find(id) === undefined ? undefined : super.windowOf(id, peer)
  }
}

/** One world: the real table, window, store and claim of each process, and what was sent so far. */
class World {
  readonly #setting: Setting
  readonly #processes: Map<Place, Process>
  readonly #messages: Map<string, Message>
  readonly #parameters: ProofParameters
  #time = 0
  #hasEnded = false
  #mayRepeat = false
  #made = 0

  constructor(setting: Setting) {
    this.#setting = setting
    this.#setClocks()
    const clock = { now: () => this.#wallMs() }
    const monotonicMs = () => monotonic.ms
    const created = START_SECONDS
    this.#parameters = { created, expires: created + LIFETIME_SECONDS, nonce: '', tag: '', signResponse: true }
    const store = { shared: true, claim: memoryReplay({ clock, monotonicMs, maxClaims: 100 }).claim }
    const places: readonly Place[] = setting.processes === 1 ? ['A'] : ['A', 'B']
    const made = places.map((place): [Place, Process] => {
      const bounds = { maxSessions: 10, maxPerInstance: 4, clock, monotonicMs }
      const table = setting.forgetful === true ? new ForgetfulTable(bounds) : new SessionTable<SessionHolder>(bounds)
      return [place, { table, replay: setting.shared ? store : memoryReplay({ clock, monotonicMs, maxClaims: 100 }) }]
    })
    this.#processes = new Map(made)
    const expiresAt = clock.now() + setting.sessionSeconds * 1000
    const session = { id: ID, peer: ORDERS, instance: 'i', basePath: '', window: new Window(), expiresAt }
    // Of a session only its window and its end play a part here, and no key.
    this.#at('A').table.open(session as PendingSession<SessionHolder>)?.({} as SessionKeys)
    if (this.#at('A').table.find(ID) === undefined) throw new Error('the session is not there')
    const unsent = { phase: 'unsent', at: 0 } as const
    this.#messages = new Map<string, Message>([
      ['call', { ...unsent, isRepeat: false, places: ['A'] }],
      ['copy', { ...unsent, isRepeat: false, places: ['A'], copyOf: 'call' }],
      ...(setting.processes === 2
        ? [['rerouted copy', { ...unsent, isRepeat: false, places: ['B'] }] as [string, Message]]
        : []),
      ['repeat', { ...unsent, isRepeat: true, places }],
      ['copy of the repeat', { ...unsent, isRepeat: true, places, copyOf: 'repeat' }],
    ])
  }

  #wallMs(): number {
    return (START_SECONDS + (this.#setting.times[this.#time]?.[0] ?? 0)) * 1000
  }

  #setClocks(): void {
    monotonic.ms = 1e6 + (this.#setting.times[this.#time]?.[1] ?? 0) * 1000
  }

  #at(place: Place): Process {
    const found = this.#processes.get(place)
    if (found === undefined) throw new Error(`no process ${place}`)
    return found
  }

  /** What can happen next. */
  moves(): string[] {
    const moves: string[] = []
    for (const [name, { phase, copyOf, isRepeat, places }] of this.#messages) {
      const isOut = copyOf === undefined || this.#messages.get(copyOf)?.phase !== 'unsent'
      if (phase === 'proven') moves.push(`claim ${name}`)
      else if (phase === 'unsent' && isOut && (!isRepeat || this.#mayRepeat)) {
        for (const place of places) moves.push(`${place} gets ${name}`)
      }
    }
    if (!this.#hasEnded) moves.push('end')
    if (this.#time < this.#setting.times.length - 1) moves.push('time')
    return moves
  }

  async make(move: string): Promise<void> {
    this.#made++
    if (move === 'end') {
      this.#hasEnded = true
      this.#at('A').table.end(() => true)
    } else if (move === 'time') {
      this.#time++
      this.#setClocks()
      // Whoever opens a session sweeps first: what time has ended is gone.
      this.#at('A').table.hasRoom('other', 'i')
    } else if (move.startsWith('claim ')) await this.#claim(this.#message(move.slice(6)))
    else this.#prove(this.#message(move.slice(7)), move[0] as Place)
  }

  #message(name: string): Message {
    const found = this.#messages.get(name)
    if (found === undefined) throw new Error(`no message ${name}`)
    return found
  }

  /** What `authenticate` does, but for the cryptography. */
  #prove(message: Message, place: Place): void {
    message.place = place
    message.at = this.#time
    message.held = message.isRepeat ? undefined : this.#at(place).table.find(ID)
    if (!message.isRepeat && message.held === undefined) this.#refuse(message)
    else message.phase = this.#isFresh() ? 'proven' : 'expired'
  }

  /** The caller learns that its session is unknown, by an answer that is bound to its call; it repeats in time only. */
  #refuse(message: Message): void {
    message.phase = 'unknown'
    if (this.#parameters.expires > this.#wallMs() / 1000) this.#mayRepeat = true
  }

  #isFresh(): boolean {
    try {
      checkFreshness(this.#parameters, { now: this.#wallMs() / 1000, toleranceSeconds: TOLERANCE_SECONDS })
      return true
    } catch {
      return false
    }
  }

  async #claim(message: Message): Promise<void> {
    const { table, replay } = this.#at(message.place as Place)
    const clock = { now: () => this.#wallMs() }
    const engine = { id: LEDGER, toleranceSeconds: TOLERANCE_SECONDS, clock, replay, sessions: { table } }
    const named = message.isRepeat ? { nonce: `${ID}.7` } : { nonce: '7', keyid: ID }
    const proof = { parameters: { ...this.#parameters, ...named } }
    const call = { token: {}, proof, peer: { id: ORDERS }, session: message.held }
    message.at = this.#time
    try {
      // The step looks at nothing else of a guard and a call.
      await claim({ engine } as unknown as GuardSettings, call as unknown as Authenticated)
      message.phase = 'ran'
    } catch (error) {
      if (isCountersignError(error, 'session-unknown')) this.#refuse(message)
      else if (isCountersignError(error, 'proof-replayed')) message.phase = 'replayed'
      else throw error
    }
  }

  /** All that decides what can happen from here on. */
  get key(): string {
    const { table } = this.#at('A')
    const parts: unknown[] = [this.#made, this.#time, this.#hasEnded, this.#mayRepeat, table.size, table.ended]
    for (const { phase, place, at, held } of this.#messages.values()) {
      parts.push(phase, place, at, held !== undefined && table.windowOf(ID, ORDERS) === held.window)
    }
    return parts.join()
  }

  /** What must never be, or undefined. */
  get violation(): string | undefined {
    const runs: Record<Place, number> = { A: 0, B: 0 }
    const replays: Place[] = []
    for (const { phase, place } of this.#messages.values()) {
      if (place !== undefined && phase === 'ran') runs[place]++
      if (place !== undefined && phase === 'replayed') replays.push(place)
    }
    const isApart = this.#setting.processes === 2 && !this.#setting.shared
    if (isApart ? Math.max(runs.A, runs.B) > 1 : runs.A + runs.B > 1) return `ran ${runs.A} and ${runs.B} times`
    const wasLost = replays.some((place) => (isApart ? runs[place] : runs.A + runs.B) === 0)
    return wasLost ? 'refused as a copy although nothing ran' : undefined
  }
}

/** What an exploration found. */
export interface Exploration {
  readonly states: number
  /** How many different orders of events lead to an end. */
  readonly orders: number
  /** The shortest order that leads to something that must never be. */
  readonly violation: string | undefined
}

/** Explores every order of events, breadth first; two orders that lead to the same state go on as one. */
export async function explore(setting: Setting): Promise<Exploration> {
  const { now } = performance
  const { stackTraceLimit } = Error
  performance.now = () => monotonic.ms
  // Refusals are half of what happens here: nobody reads where they come from.
  Error.stackTraceLimit = 0
  try {
    return await exploreAll(setting)
  } finally {
    performance.now = now
    Error.stackTraceLimit = stackTraceLimit
  }
}

async function exploreAll(setting: Setting): Promise<Exploration> {
  const worldAfter = async (path: readonly string[]) => {
    const world = new World(setting)
    for (const move of path) await world.make(move)
    return world
  }
  const first = new World(setting)
  const start = first.key
  const movesAfter = new Map([[start, first.moves()]])
  const paths = new Map<string, readonly string[]>([[start, []]])
  const ways = new Map<string, number>([[start, 1]])
  let level = [start]
  let orders = 0
  // A state knows by how many moves it was reached: no level leads back to one before.
  while (level.length > 0) {
    const next: string[] = []
    for (const key of level) {
      const path = paths.get(key) ?? []
      const moves = movesAfter.get(key) ?? []
      if (moves.length === 0) orders += ways.get(key) ?? 0
      for (const move of moves) {
        const world = await worldAfter([...path, move])
        const found = world.key
        if (world.violation !== undefined) {
          return { states: paths.size, orders, violation: `${world.violation}: ${[...path, move].join(', ')}` }
        }
        if (!paths.has(found)) {
          paths.set(found, [...path, move])
          movesAfter.set(found, world.moves())
          next.push(found)
        }
        ways.set(found, (ways.get(found) ?? 0) + (ways.get(key) ?? 0))
      }
    }
    level = next
  }
  return { states: paths.size, orders, violation: undefined }
}
