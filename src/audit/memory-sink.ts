import { checkOptions } from '../core/options.ts'
import type { AuditEvent } from './event.ts'
import { memorySinkOptionsSchema } from './schema.ts'
import type { AuditSink } from './sink.ts'

/** How much a memory sink keeps. */
export interface MemorySinkOptions {
  /** The oldest go first; default 10,000. */
  readonly maxEvents?: number
}

/** Keeps the newest events in memory. */
export interface MemorySink extends AuditSink {
  /** A list of frozen events, oldest first: as it is now, it does not grow. */
  readonly events: readonly AuditEvent[]
  clear(): void
}

/**
 * Makes a sink that keeps the newest events in memory, for tests and for looking into a running process. What it holds
 * is gone with the process.
 *
 * @throws `option-invalid`
 * @example
 * const sink = memorySink()
 * const orders = await createWorkload({ id, credentials, trust, audit: sink })
 * await orders.audit.flush()
 * console.log(sink.events.filter((event) => event.effect === 'deny'))
 */
export function memorySink(options: MemorySinkOptions = {}): MemorySink {
  const { maxEvents = 10_000 } = checkOptions(memorySinkOptionsSchema, options, 'memory sink options')
  let events: AuditEvent[] = []
  return {
    get events() {
      return Object.freeze([...events])
    },
    clear() {
      events = []
    },
    write(batch) {
      for (const event of batch) events.push(Object.isFrozen(event) ? event : Object.freeze({ ...event }))
      if (events.length > maxEvents) events = events.slice(-maxEvents)
    },
  }
}
