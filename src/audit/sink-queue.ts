import { type Schedule, type Timer, within } from '../core/schedule.ts'
import type { AuditEvent } from './event.ts'
import type { AuditSink } from './sink.ts'

const MAX_BATCH = 512
const FIRST_DELAY_MS = 100
const LONGEST_DELAY_MS = 30_000
const PATIENCE_MS = 10_000

/** What a queue needs besides its sink. */
export interface SinkQueueOptions {
  readonly sink: AuditSink
  readonly maxQueued: number
  readonly schedule: Schedule
  /** Makes the event that tells how many were dropped. */
  readonly dropped: (count: number) => AuditEvent
  /** Told once when a sink that worked fails. */
  readonly onFailed: () => void
}

/** Someone who waits until so many events are written. */
interface Waiter {
  readonly until: number
  readonly resolve: () => void
}

/**
 * The one way to a sink: bounded, in order, one batch at a time. Nothing here throws. `waiting` means that a batch
 * failed and its time comes again.
 */
export class SinkQueue {
  readonly #options: SinkQueueOptions
  #pending: AuditEvent[] = []
  #batch: readonly AuditEvent[] = []
  #state: 'idle' | 'due' | 'writing' | 'waiting' | 'closed' = 'idle'
  #isClosing = false
  #attempts = 0
  #accepted = 0
  #written = 0
  #failures = 0
  #untold = 0
  #lost = 0
  #retry: Timer | undefined
  #waiters: Waiter[] = []

  constructor(options: SinkQueueOptions) {
    this.#options = options
  }

  /** Whether the last thing asked of the sink failed. */
  get isFailing(): boolean {
    return this.#attempts > 0
  }

  /** Whether events were dropped of which the sink has not been told. */
  get isDropping(): boolean {
    return this.#untold > 0
  }

  /** How many events the sink never got and never will. */
  get lost(): number {
    return this.#lost
  }

  /** How often the sink has failed. */
  get failures(): number {
    return this.#failures
  }

  push(event: AuditEvent): void {
    if (!this.#hasPlace()) {
      this.drop()
      return
    }
    this.#enqueue(event)
    if (this.#state === 'idle') this.#deliverSoon()
  }

  #hasPlace(): boolean {
    // Condition: an event after the close is counted as lost.
    if (this.#isClosing) return false
    // Condition: a full queue drops the newest event and counts it.
    return this.#pending.length + this.#batch.length < this.#options.maxQueued
  }

  /** Counts an event that cannot be written. */
  drop(): void {
    this.#untold += 1
    this.#lost += 1
  }

  /** Resolves when everything pushed so far is written, or when the sink fails: it is tried at once, and once. */
  async flush(): Promise<void> {
    if (this.#state === 'closed') return
    if (this.#state === 'idle') this.#tellDropped()
    if (this.#state === 'waiting') this.#deliver()
    else if (this.#state === 'idle' && this.#pending.length > 0) this.#deliverSoon()
    await this.#settled()
    if (!this.#isOut() && (await this.#ask('flush')) && !this.#isOut()) this.#attempts = 0
  }

  /** Whether a batch waits for the sink to come back, or for nothing any more. */
  #isOut(): boolean {
    return this.#state === 'waiting' || this.#state === 'closed'
  }

  /** Tries a last time, then lets the sink go; what it did not take is lost, and counted. */
  async close(): Promise<void> {
    const { schedule } = this.#options
    this.#isClosing = true
    await within(this.flush(), PATIENCE_MS, schedule)
    this.#retry?.cancel()
    this.#state = 'closed'
    const left = this.#pending.length + this.#batch.length
    this.#lost += left
    this.#untold += left
    this.#pending = []
    this.#batch = []
    await within(this.#ask('close'), PATIENCE_MS, schedule)
  }

  #enqueue(event: AuditEvent): void {
    this.#pending.push(event)
    this.#accepted += 1
  }

  /** After what runs now: a call that is being recorded never waits for a sink, and what it records goes together. */
  #deliverSoon(): void {
    this.#state = 'due'
    queueMicrotask(() => {
      if (this.#state === 'due') this.#deliver()
    })
  }

  #deliver(): void {
    this.#retry?.cancel()
    this.#state = 'writing'
    if (this.#batch.length === 0) this.#batch = Object.freeze(this.#pending.splice(0, MAX_BATCH))
    const result = this.#handOver()
    if (result === 'taken') this.#succeed()
    else if (result === 'refused') this.#fail()
    else
      result.then(
        () => this.#succeed(),
        () => this.#fail(),
      )
  }

  #handOver(): 'taken' | 'refused' | Promise<void> {
    try {
      const result = this.#options.sink.write(this.#batch)
      return result === undefined ? 'taken' : Promise.resolve(result)
    } catch {
      return 'refused'
    }
  }

  #succeed(): void {
    if (this.#state === 'closed') return
    this.#attempts = 0
    this.#written += this.#batch.length
    this.#batch = []
    this.#tellDropped()
    if (this.#pending.length > 0) this.#deliverSoon()
    else this.#state = 'idle'
    this.#release()
  }

  /** There is room again, and what comes next is younger than what was dropped. */
  #tellDropped(): void {
    if (this.#untold === 0) return
    const count = this.#untold
    this.#untold = 0
    this.#enqueue(this.#options.dropped(count))
  }

  #fail(): void {
    if (this.#state === 'closed') return
    this.#state = 'waiting'
    this.#countFailure()
    // Condition: a batch that a sink did not take is given to it again.
    const delayMs = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** (this.#attempts - 1))
    this.#retry = this.#options.schedule(() => this.#again(), delayMs)
    this.#retry.unref()
    this.#release()
  }

  #again(): void {
    if (this.#state === 'waiting') this.#deliver()
  }

  #countFailure(): void {
    this.#attempts += 1
    this.#failures += 1
    if (this.#attempts === 1 && !this.#isClosing) this.#options.onFailed()
  }

  async #ask(what: 'flush' | 'close'): Promise<boolean> {
    try {
      await this.#options.sink[what]?.()
      return true
    } catch {
      this.#countFailure()
      return false
    }
  }

  #settled(): Promise<void> {
    // What was dropped is told in an event of its own, when the batch before it is written.
    const until = this.#accepted + (this.#untold > 0 ? 1 : 0)
    if (this.#written >= until || this.#state === 'waiting') return Promise.resolve()
    return new Promise((resolve) => this.#waiters.push({ until, resolve }))
  }

  #release(): void {
    if (this.#waiters.length === 0) return
    const isOver = ({ until }: Waiter) => this.#written >= until || this.#state === 'waiting'
    const over = this.#waiters.filter(isOver)
    this.#waiters = this.#waiters.filter((waiter) => !isOver(waiter))
    for (const { resolve } of over) resolve()
  }
}
