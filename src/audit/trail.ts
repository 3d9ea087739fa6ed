import { type Clock, systemClock } from '../core/clock.ts'
import type { ErrorDetail } from '../core/errors.ts'
import type { NoticeType, Report } from '../core/notice.ts'
import { checkOptions } from '../core/options.ts'
import { type Schedule, systemSchedule, within } from '../core/schedule.ts'
import { type AuditEvent, type EventDraft, textLimits } from './event.ts'
import { type AuditDetail, noteOf } from './note.ts'
import { plainText } from './plain-text.ts'
import { eventOf, redacted } from './redact.ts'
import { auditTrailOptionsSchema } from './schema.ts'
import { SinkQueue } from './sink-queue.ts'
import { createStamps } from './stamp.ts'
import type { AuditTrailOptions } from './trail-options.ts'

const DEFAULT_MAX_QUEUED = 10_000
const FLUSH_PATIENCE_MS = 10_000
const FAILURE_PAUSE_MS = 60_000

/** What is wrong with a trail now, by the type of the event that tells of it. */
export type AuditProblem = 'audit.sink-failed' | 'audit.dropped'

/** Whose events a bound trail writes, and by which clock. */
export interface TrailIdentity {
  readonly workload: string
  readonly clock?: Clock
}

/** Where events go in. Nothing here throws, rejects, or makes a call wait. */
export interface AuditTrail {
  /**
   * Writes an event of the application: `type` becomes its `name`, `detail` its `note`, except for a `callId`, which ties
   * it to its call. Kept are at most 16 texts (256 characters each), finite numbers and booleans, 1024 characters in all.
   * It cannot pass for an event of the library. What the application puts in here is written as it is: no secrets.
   */
  record(type: string, detail?: AuditDetail): void
  /** Resolves when every event so far is written; a failing sink is tried once more, a hanging one is left after 10 s. */
  flush(): Promise<void>
  /** Flushes, then closes the sinks; events that come later are counted as lost. Twice is once. */
  close(): Promise<void>
  /** What is wrong now: a sink that fails, events that were dropped. Empty when all is well. */
  problems(): readonly AuditProblem[]
  /** How many events sinks never got and never will, counted for each sink. */
  lost(): number
  /** The same trail, in the name of one workload. */
  for(identity: TrailIdentity): BoundTrail
}

/** A trail that writes in the name of one workload. */
export interface BoundTrail extends AuditTrail {
  /** Writes an event of the library. */
  write(draft: EventDraft): void
  /** Writes what happened to a part of the workload. */
  readonly report: Report
}

/**
 * Makes an audit trail: each event is built from an allow-list of fields, bounded, cleaned of characters that could
 * forge a line, and handed to every sink in order. It does not make a call wait or fail, and does not prove that a sink
 * keeps what it took; `problems()` and the events `audit.sink-failed` and `audit.dropped` tell when one did not take it.
 *
 * @throws `option-invalid`
 * @example
 * const trail = auditTrail({ sinks: [consoleSink(), streamSink(createWriteStream('audit.ndjson', { flags: 'a' }))] })
 * const orders = await createWorkload({ id, credentials, trust, audit: trail })
 * trail.record('order.placed', { order: 'A-17', items: 3 })
 */
export function auditTrail(options: AuditTrailOptions): AuditTrail {
  return new Trail(checkOptions(auditTrailOptionsSchema, options, 'audit options')).asTrail()
}

class Trail {
  readonly #options: AuditTrailOptions
  readonly #queues: readonly SinkQueue[]
  readonly #schedule: Schedule
  readonly #stamp = createStamps()
  readonly #failedAt: number[] = []
  #first: TrailIdentity | undefined
  #closing: Promise<void> | undefined

  constructor(options: AuditTrailOptions) {
    const { sinks, maxQueued = DEFAULT_MAX_QUEUED, schedule = systemSchedule } = options
    const list = 'write' in sinks ? [sinks] : sinks
    this.#options = options
    this.#schedule = schedule
    if (options.workload !== undefined) this.#first = { workload: options.workload }
    this.#queues = list.map((sink, i) => {
      const dropped = (count: number) => this.#compose(this.#own(), { type: 'audit.dropped', count })
      return new SinkQueue({ sink, maxQueued, schedule, dropped, onFailed: () => this.#tellFailure(i) })
    })
  }

  asTrail(): AuditTrail {
    return Object.freeze({
      record: (type: string, detail?: AuditDetail) => this.#record(this.#own(), type, detail),
      ...this.#shared(),
    })
  }

  #shared() {
    return {
      flush: () => within(Promise.all(this.#queues.map((queue) => queue.flush())), FLUSH_PATIENCE_MS, this.#schedule),
      close: () => this.#close(),
      problems: () => this.#problems(),
      lost: () => this.#queues.reduce((sum, queue) => sum + queue.lost, 0),
      for: (identity: TrailIdentity) => this.#bind(identity),
    }
  }

  #bind(identity: TrailIdentity): BoundTrail {
    const own = Object.freeze({ ...identity, workload: plainText(identity.workload, textLimits.peer) })
    this.#first ??= own
    const write = (draft: EventDraft) => this.#write(own, draft)
    return Object.freeze({
      write,
      report: ((type, detail = {}) => write(noticeOf(type, detail))) satisfies Report,
      record: (type: string, detail?: AuditDetail) => this.#record(own, type, detail),
      ...this.#shared(),
    })
  }

  /** In whose name the trail itself speaks. */
  #own(): TrailIdentity {
    return this.#first ?? { workload: 'unbound' }
  }

  #record(identity: TrailIdentity, type: string, detail: AuditDetail = {}): void {
    // Condition: an event of the application never takes a type of the library.
    const draft = { type: 'custom', name: typeof type === 'string' ? type : 'unnamed' } as const
    try {
      const { callId, ...rest } = detail
      this.#write(identity, { ...draft, note: noteOf(rest), ...(typeof callId === 'string' ? { callId } : {}) })
    } catch {
      this.#write(identity, draft)
    }
  }

  #write(identity: TrailIdentity, draft: EventDraft): void {
    // Condition: an event that cannot be made is counted and disturbs nobody.
    try {
      const event = this.#compose(identity, draft)
      for (const queue of this.#queues) queue.push(event)
    } catch {
      for (const queue of this.#queues) queue.drop()
    }
  }

  #compose(identity: TrailIdentity, draft: EventDraft): AuditEvent {
    const { redact } = this.#options
    const event = eventOf(draft, identity.workload, this.#stamp(this.#now(identity)))
    return redact === undefined ? event : redacted(event, redact)
  }

  #now(identity: TrailIdentity): number {
    const clock = this.#options.clock ?? identity.clock ?? systemClock
    try {
      return clock.now()
    } catch {
      return systemClock.now()
    }
  }

  /** Told in every queue, that of the failing sink too: it gets it when it works again. Not more than once a minute. */
  #tellFailure(index: number): void {
    const now = this.#now(this.#own())
    const before = this.#failedAt[index]
    if (before !== undefined && Math.abs(now - before) < FAILURE_PAUSE_MS) return
    this.#failedAt[index] = now
    const count = this.#queues[index]?.failures ?? 0
    this.#write(this.#own(), { type: 'audit.sink-failed', name: `sink ${index + 1}`, count })
  }

  #problems(): readonly AuditProblem[] {
    const problems: AuditProblem[] = []
    if (this.#queues.some((queue) => queue.isFailing)) problems.push('audit.sink-failed')
    if (this.#queues.some((queue) => queue.isDropping)) problems.push('audit.dropped')
    return problems
  }

  #close(): Promise<void> {
    this.#closing ??= Promise.all(this.#queues.map((queue) => queue.close())).then(() => undefined)
    return this.#closing
  }
}

/** Takes from a notice what an event has a place for: the option or file it is about, and the sentence on what to do. */
function noticeOf(type: NoticeType, detail: ErrorDetail): EventDraft {
  const { option, fix, step, rule, keyId, clockDifferenceSeconds, count } = detail
  return {
    type,
    ...(option === undefined ? {} : { name: option }),
    ...(fix === undefined ? {} : { note: fix }),
    ...(step === undefined ? {} : { step }),
    ...(rule === undefined ? {} : { rule }),
    ...(keyId === undefined ? {} : { keyId }),
    ...(clockDifferenceSeconds === undefined ? {} : { clockDifferenceSeconds }),
    ...(count === undefined ? {} : { count }),
  }
}
