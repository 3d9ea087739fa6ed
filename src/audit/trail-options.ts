import type { Clock } from '../core/clock.ts'
import type { Schedule } from '../core/schedule.ts'
import type { Redact } from './redact.ts'
import type { AuditSink } from './sink.ts'

/** What an audit trail is made from. */
export interface AuditTrailOptions {
  /** Where events go. Each sink has its own queue, so that none waits for another. */
  readonly sinks: AuditSink | readonly AuditSink[]
  /**
   * Takes out of an event what must not be kept: gives it back with fields removed or texts cut to a part of themselves.
   * What it adds is dropped, and when it throws or gives nothing, the bare event stays: what, when, who, how it ended.
   */
  readonly redact?: Redact
  /** Default the clock of the workload that writes, else the time of the machine. */
  readonly clock?: Clock
  /** Whose events these are until a workload takes the trail; default the first that does. */
  readonly workload?: string
  /** How many events wait for each sink at most; default 10,000. Beyond that the newest are dropped and counted. */
  readonly maxQueued?: number
  /** What happens when a sink fails: `'keep'` keeps its events, up to `maxQueued`, and tries again; calls go on. */
  readonly onSinkDown?: 'keep'
  /** Runs a task later; default the timers of the runtime. */
  readonly schedule?: Schedule
}
