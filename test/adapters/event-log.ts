import type { AuditEvent } from '../../src/audit/event.ts'
import type { AuditSink } from '../../src/audit/sink.ts'

/** Keeps the events of calls, and lets a test wait for them instead of looking again and again. */
export class EventLog implements AuditSink {
  readonly calls: AuditEvent[] = []
  #waiting: (() => void)[] = []

  write(events: readonly AuditEvent[]): void {
    this.calls.push(...events.filter(({ type }) => type === 'call'))
    for (const wake of this.#waiting.splice(0)) wake()
  }

  /** Gives all events of calls once there are so many. */
  async until(count: number): Promise<readonly AuditEvent[]> {
    while (this.calls.length < count) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve)
      })
    }
    return this.calls
  }
}
