import { type CountersignError, isCountersignError } from '../core/errors.ts'
import type { MaybePromise } from '../core/maybe-promise.ts'
import { systemSchedule, type Timer } from '../core/schedule.ts'
import { type DocumentRequest, fetchDocument, unavailable } from './document-fetch.ts'
import type { Follower, FollowOptions, RemoteKind } from './remote-options.ts'
import { cooldownMs, refreshAfterMs, retryAfterMs } from './remote-pace.ts'
import { readSnapshot, writeSnapshot } from './remote-snapshot.ts'

const TIMEOUT_MS = 5_000
/** How long somebody who needs the newest version waits for it. */
const PATIENCE_MS = 2_000
const MAX_BYTES = 1_048_576
const DEFAULT_STALE_SECONDS = 3_600
/** A snapshot from the future was not written by this clock. */
const MAX_AHEAD_MS = 300_000

interface Held<T> {
  readonly value: T
  readonly json: unknown
  readonly etag: string | undefined
  /** Where the server calls it by that name. */
  readonly place: string | undefined
  readonly maxAgeSeconds: number | undefined
  /** Epoch milliseconds: when its server last said that it holds. */
  readonly confirmedAt: number
}

interface Flight {
  readonly done: Promise<void>
  readonly startedAt: number
}

/**
 * Follows a JSON document at a URL, and outlives its server: what was fetched last counts until the bound of staleness
 * has passed. It is refreshed in the background, one fetch at a time, when its time has come; nobody who can work with
 * what is held waits for a fetch.
 */
export class RemoteDocument<T> {
  readonly #kind: RemoteKind<T>
  readonly #options: FollowOptions
  readonly #follower: Follower
  readonly #changed: () => void
  #held: Held<T> | undefined
  #generation = 0
  #flight: Flight | undefined
  #dueAt = Number.NEGATIVE_INFINITY
  #askedAt = Number.NEGATIVE_INFINITY
  #failures = 0
  /** How often what is held was used since its server failed. */
  #staleUses = 0
  #isToldStale = false
  #timer: Timer | undefined
  #place: URL | undefined
  #isClosed = false

  constructor(kind: RemoteKind<T>, options: FollowOptions, follower: Follower, changed: () => void = () => undefined) {
    this.#kind = kind
    this.#options = options
    this.#follower = follower
    this.#changed = changed
  }

  /** Counts the versions, from 1. What was cached under another one does not hold. */
  get generation(): number {
    return this.#generation
  }

  /**
   * The last version, however old it is: what may be done with it `current` says. Waits for the first one: from the server,
   * else from the snapshot. Throws `trust-unavailable` without either.
   */
  async latest(): Promise<T> {
    if (this.#held === undefined) await this.#refresh()
    if (this.#held === undefined) await this.#coldStart()
    return this.#held?.value ?? this.current()
  }

  /** Whether there is nothing that still counts. */
  get isStale(): boolean {
    const held = this.#held
    return held === undefined || this.#isTooOld(held.confirmedAt)
  }

  /**
   * What is held, at once; where nothing ever was, the first version, once it has come. Throws `trust-unavailable` where
   * there is none, or none that still counts.
   */
  soon(): MaybePromise<T> {
    const isDue = this.#flight !== undefined || this.#follower.clock.now() >= this.#dueAt
    // Who comes while the server is down is told at once: the next look is its own.
    return this.#held === undefined && isDue ? this.latest().then(() => this.current()) : this.current()
  }

  /** What is held, at once. Throws `trust-unavailable` where there is nothing, or nothing that still counts. */
  current(): T {
    const now = this.#follower.clock.now()
    if (now >= this.#dueAt) void this.#refresh()
    const held = this.#held
    // Condition: nothing is judged by a document that was never had.
    if (held === undefined) throw unavailable('never-fetched')
    if (this.#failures > 0) this.#staleUses++
    // Condition: nothing is judged by a document that its server has not confirmed for longer than the bound.
    if (this.#isTooOld(held.confirmedAt)) throw this.#stale()
    return held.value
  }

  /** Throws as `current` does. */
  assertFresh(): void {
    this.current()
  }

  /**
   * Fetches now, because something is asked for that the version at hand does not have; tells whether there is another
   * version. Within the cooldown nobody is asked, and nobody waits long for a server that hangs.
   */
  async renew(): Promise<boolean> {
    // Condition: a document that is not followed any more is not fetched.
    if (this.#isClosed) return false
    const before = this.#generation
    const now = this.#follower.clock.now()
    const isFlying = this.#flight !== undefined
    // Condition: names of keys that nobody knows lead to one fetch in each cooldown.
    if (!isFlying && (this.#failures > 0 || now - this.#askedAt < cooldownMs(this.#options.refreshSeconds)))
      return false
    const flight = this.#launch()
    // Condition: nobody waits for a server that hangs.
    if (performance.now() - flight.startedAt > PATIENCE_MS) return false
    await Promise.race([flight.done, pause(PATIENCE_MS)])
    return this.#generation !== before
  }

  close(): void {
    this.#isClosed = true
    this.#timer?.cancel()
  }

  get #name(): string {
    return this.#kind.name ?? this.#kind.url.href
  }

  #isTooOld(confirmedAt: number): boolean {
    const maxMs = (this.#options.maxStaleSeconds ?? DEFAULT_STALE_SECONDS) * 1000
    return this.#follower.clock.now() - confirmedAt > maxMs
  }

  #stale(): CountersignError {
    if (!this.#isToldStale) this.#tell('trust.stale')
    this.#isToldStale = true
    return unavailable('stale')
  }

  #refresh(): Promise<void> {
    return this.#isClosed ? Promise.resolve() : this.#launch().done
  }

  #launch(): Flight {
    this.#flight ??= { done: this.#run().finally(() => (this.#flight = undefined)), startedAt: performance.now() }
    return this.#flight
  }

  async #run(): Promise<void> {
    const { clock } = this.#follower
    this.#askedAt = clock.now()
    // Until it is known how it went: nobody else begins.
    this.#dueAt = Number.POSITIVE_INFINITY
    try {
      await this.#fetch()
      this.#succeeded()
    } catch (error) {
      this.#failed(error)
    }
    const wanted = this.#held === undefined ? undefined : this.#wantedSeconds(this.#held)
    const delay =
      this.#failures > 0
        ? retryAfterMs(this.#failures, this.#options.refreshSeconds)
        : refreshAfterMs(wanted, this.#options.refreshSeconds)
    this.#dueAt = clock.now() + delay
    this.#wait(delay)
  }

  async #fetch(): Promise<void> {
    const { parse } = this.#kind
    const bounds = { maxBytes: MAX_BYTES, signal: AbortSignal.timeout(TIMEOUT_MS), fetch: this.#options.fetch ?? fetch }
    const url = await this.#where(bounds)
    const etag = this.#held?.place === url.href ? this.#held.etag : undefined
    const found = await fetchDocument({ ...bounds, url, etag })
    const confirmedAt = this.#follower.clock.now()
    if (found === 'same') {
      if (this.#held !== undefined) this.#held = { ...this.#held, confirmedAt }
    } else {
      this.#take({ ...found, value: parse(found.json, this.#held?.value), confirmedAt, place: url.href })
    }
    await this.#keep()
  }

  /** Where the document is: asked for once, and again after a failure. */
  async #where(bounds: Omit<DocumentRequest, 'url' | 'etag'>): Promise<URL> {
    const { url, locate } = this.#kind
    if (locate === undefined) return url
    if (this.#place !== undefined) return this.#place
    const found = await fetchDocument({ ...bounds, url, etag: undefined })
    this.#place = found === 'same' ? url : locate(found.json)
    return this.#place
  }

  #take(next: Held<T>): void {
    const isNew = this.#held === undefined || JSON.stringify(next.json) !== JSON.stringify(this.#held.json)
    this.#held = isNew ? next : { ...next, value: this.#held?.value ?? next.value }
    if (!isNew) return
    this.#generation++
    if (!this.#isClosed) this.#changed()
  }

  async #coldStart(): Promise<void> {
    const { snapshot } = this.#options
    if (snapshot === undefined) return
    const found = await readSnapshot(snapshot, this.#kind.url).catch(() => undefined)
    // Condition: a snapshot from the future is not taken.
    if (found === undefined || found.confirmedAt > this.#follower.clock.now() + MAX_AHEAD_MS) return
    // Condition: a snapshot that is older than what is held may be is not taken.
    if (this.#isTooOld(found.confirmedAt)) throw unavailable('stale')
    const value = this.#kind.parse(found.json, undefined)
    this.#take({ ...found, value, etag: undefined, place: undefined, maxAgeSeconds: undefined })
  }

  async #keep(): Promise<void> {
    const { snapshot } = this.#options
    if (snapshot === undefined || this.#held === undefined) return
    try {
      await writeSnapshot(snapshot, this.#kind.url, this.#held)
    } catch (error) {
      const detail = isCountersignError(error) ? error.detail : { option: snapshot, fix: 'it cannot be written' }
      if (!this.#isClosed) this.#follower.report('trust.rejected', detail)
    }
  }

  #succeeded(): void {
    if (this.#failures > 0) this.#tell('trust.recovered', undefined, this.#staleUses)
    this.#failures = 0
    this.#staleUses = 0
    this.#isToldStale = false
  }

  #failed(error: unknown): void {
    this.#failures++
    this.#place = undefined
    // What a document that cannot be used was refused for is told each time: it may be another reason.
    const detail = isCountersignError(error) ? error.detail : { step: 'document' }
    if (isCountersignError(error, 'trust-unavailable')) {
      if (this.#failures === 1) this.#tell('trust.unreachable', detail.step)
    } else if (!this.#isClosed) this.#follower.report('trust.rejected', { ...detail, option: this.#name })
  }

  #wantedSeconds({ value, maxAgeSeconds }: Held<T>): number | undefined {
    return this.#kind.hintSeconds?.(value) ?? maxAgeSeconds
  }

  #tell(type: 'trust.unreachable' | 'trust.stale' | 'trust.recovered', step?: string, count?: number): void {
    if (this.#isClosed) return
    const more = { ...(step === undefined ? {} : { step }), ...(count === undefined ? {} : { count }) }
    this.#follower.report(type, { option: this.#name, ...more })
  }

  /** Who is not asked for anything stays fresh all the same. */
  #wait(delayMs: number): void {
    this.#timer?.cancel()
    if (this.#isClosed) return
    this.#timer = (this.#follower.schedule ?? systemSchedule)(() => void this.#refresh(), delayMs)
    this.#timer.unref()
  }
}

function pause(delayMs: number): Promise<void> {
  return new Promise((resolve) => systemSchedule(resolve, delayMs).unref())
}
