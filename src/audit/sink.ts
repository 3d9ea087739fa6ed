import type { AuditEvent } from './event.ts'

/**
 * Takes audit events somewhere. It gets one batch at a time, in order, at least once: a batch whose write threw or
 * rejected comes again as it was, and `id` tells a repetition. No call feels what a sink does, unless it blocks the
 * event loop. Its errors are counted and never written anywhere, since they could quote what it was given. A sink must
 * not record events of its own in `write`: each would call for the next.
 *
 * @example
 * const sink: AuditSink = { write: async (events) => { await database.insert(events) } }
 */
export interface AuditSink {
  /** Takes a batch: a frozen list of frozen events. */
  write(events: readonly AuditEvent[]): void | Promise<void>
  /** Makes durable what was written. */
  flush?(): Promise<void>
  /** Lets go of what the sink holds; nothing is written afterwards. */
  close?(): Promise<void>
}
