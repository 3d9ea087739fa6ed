import type { Code } from '../core/codes.ts'
import { CountersignError } from '../core/errors.ts'
import { checkOptions } from '../core/options.ts'
import type { AuditEvent, EventType } from './event.ts'
import { auditFilterSchema, parseEvent } from './schema.ts'

/** Which events to give: those that match all of it. */
export interface AuditFilter {
  readonly callId?: string
  readonly peer?: string
  readonly code?: Code
  readonly effect?: 'allow' | 'deny'
  readonly type?: EventType
  /** From this time on: a `Date`, an ISO 8601 text, or epoch milliseconds. */
  readonly since?: Date | string | number
  /** Before this time. */
  readonly until?: Date | string | number
  /** Takes a line that is no event, and reading goes on; without it, reading ends with that error. */
  readonly onBadLine?: (error: CountersignError) => void
}

/** One event is at most a few thousand characters; nothing longer is parsed. */
const MAX_LINE = 65_536

/**
 * Reads NDJSON back into events: checks every line against the schema, and gives those that match the filter, in order.
 * It proves that each line has the form of an event, not who wrote it, nor that none is missing or was changed.
 *
 * @throws `option-invalid` for a filter that is none, and for a line that is no event: `detail.option` is `line N`
 * @example
 * const lines = createInterface({ input: createReadStream('audit.ndjson') })
 * for await (const event of readAudit(lines, { effect: 'deny' })) console.log(event.time, event.peer, event.code)
 */
export function readAudit(
  lines: AsyncIterable<string> | Iterable<string> | string,
  filter: AuditFilter = {},
): AsyncIterable<AuditEvent> {
  const { onBadLine, since, until, ...equal } = checkOptions(auditFilterSchema, filter, 'filter')
  const wanted = Object.entries(equal) as [keyof AuditEvent, unknown][]
  const from = since === undefined ? Number.NEGATIVE_INFINITY : new Date(since).getTime()
  const to = until === undefined ? Number.POSITIVE_INFINITY : new Date(until).getTime()
  const matches = (event: AuditEvent) => {
    const at = Date.parse(event.time)
    return at >= from && at < to && wanted.every(([name, value]) => value === undefined || event[name] === value)
  }
  return matching(eventsOf(typeof lines === 'string' ? lines.split('\n') : lines, onBadLine), matches)
}

async function* matching(events: AsyncIterable<AuditEvent>, matches: (event: AuditEvent) => boolean) {
  for await (const event of events) if (matches(event)) yield event
}

async function* eventsOf(lines: AsyncIterable<string> | Iterable<string>, onBadLine: AuditFilter['onBadLine']) {
  let number = 0
  for await (const line of lines) {
    number += 1
    if (line.trim() === '') continue
    const event = eventOfLine(line)
    if (event !== undefined) {
      yield event
      continue
    }
    const error = badLine(number)
    if (onBadLine === undefined) throw error
    onBadLine(error)
  }
}

function eventOfLine(line: string): AuditEvent | undefined {
  // Condition: a line longer than an event can be is not parsed.
  if (line.length > MAX_LINE) return undefined
  try {
    // Condition: a line that is no audit event is refused.
    return parseEvent(JSON.parse(line))
  } catch {
    return undefined
  }
}

function badLine(number: number): CountersignError {
  return new CountersignError('option-invalid', {
    detail: { option: `line ${number}`, fix: 'this line is no audit event of version 1' },
  })
}
