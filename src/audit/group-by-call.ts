import type { AuditEvent } from './event.ts'

/** What the trails of both sides tell of one call. */
export interface CallEvents {
  readonly callId: string
  /** More than one where the call was tried again under the same id. */
  readonly caller: readonly AuditEvent[]
  /** More than one where a proof was replayed: each arrival leaves its event. */
  readonly callee: readonly AuditEvent[]
  /** What applications recorded for this call. */
  readonly other: readonly AuditEvent[]
}

/**
 * Puts the events of each call together, in the order in which calls first appear; events of no call are left out. Two
 * events belong together because they say so: `callId` is whatever the side that wrote it took for the id.
 *
 * @example
 * const calls = await groupByCall(readAudit(lines))
 * const unanswered = calls.filter((call) => call.caller.length > 0 && call.callee.length === 0)
 */
export async function groupByCall(events: AsyncIterable<AuditEvent> | Iterable<AuditEvent>): Promise<CallEvents[]> {
  const calls = new Map<string, { callId: string; caller: AuditEvent[]; callee: AuditEvent[]; other: AuditEvent[] }>()
  for await (const event of events) {
    const { callId } = event
    if (callId === undefined) continue
    let call = calls.get(callId)
    if (call === undefined) {
      call = { callId, caller: [], callee: [], other: [] }
      calls.set(callId, call)
    }
    call[event.side ?? 'other'].push(event)
  }
  return [...calls.values()]
}
