import { codes } from '../core/codes.ts'
import { type AuditEvent, type EventDraft, eventTypes, textLimits } from './event.ts'
import { plainText } from './plain-text.ts'
import type { Stamp } from './stamp.ts'

/** Takes out of an event what a place must not keep. It can remove fields and cut texts short, and nothing else. */
export type Redact = (event: AuditEvent) => Partial<AuditEvent> | undefined

type Mutable<T> = { -readonly [Name in keyof T]: T[Name] }

/** What says that something happened and how it ended: no redaction takes it away. */
const bareFields = new Set(['v', 'id', 'time', 'workload', 'type', 'side', 'callId', 'effect', 'code'])

/**
 * Makes the event of a draft: the fields on the list, each of its own type, bounded and clean. Everything else stays out.
 * The list is written out: one store each, by name, is several times faster than a loop over names.
 */
export function eventOf(draft: EventDraft, workload: string, stamp: Stamp): AuditEvent {
  const type = eventTypes.has(draft.type) ? draft.type : 'custom'
  const event: Mutable<AuditEvent> = { v: 1, id: stamp.id, time: stamp.time, type, workload }
  // Condition: a field that is not on the list never reaches an event.
  takeParties(draft, event)
  takeRequest(draft, event)
  takeVerdict(draft, event)
  takeNumbers(draft, event)
  return Object.freeze(event)
}

function takeParties(draft: EventDraft, event: Mutable<AuditEvent>): void {
  const { side, callId, parentCallId, peer, authenticatedBy, tokenId, keyId, proofKeyId, address } = draft
  if (side === 'caller' || side === 'callee') event.side = side
  // Condition: a value of another type than its field never reaches an event.
  if (typeof callId === 'string') event.callId = plainText(callId, textLimits.callId)
  if (typeof parentCallId === 'string') event.parentCallId = plainText(parentCallId, textLimits.parentCallId)
  if (typeof peer === 'string') event.peer = plainText(peer, textLimits.peer)
  if (typeof authenticatedBy === 'string')
    event.authenticatedBy = plainText(authenticatedBy, textLimits.authenticatedBy)
  if (typeof tokenId === 'string') event.tokenId = plainText(tokenId, textLimits.tokenId)
  if (typeof keyId === 'string') event.keyId = plainText(keyId, textLimits.keyId)
  if (typeof proofKeyId === 'string') event.proofKeyId = plainText(proofKeyId, textLimits.proofKeyId)
  if (typeof address === 'string') event.address = plainText(address, textLimits.address)
}

function takeRequest(draft: EventDraft, event: Mutable<AuditEvent>): void {
  const { method, path: target, sealed, droppedFields } = draft
  if (typeof method === 'string') event.method = plainText(method, textLimits.method)
  const path = typeof target === 'string' ? pathOf(target) : undefined
  if (path !== undefined) event.path = plainText(path, textLimits.path)
  if (sealed === true || sealed === false) event.sealed = sealed
  if (typeof droppedFields === 'string') event.droppedFields = plainText(droppedFields, textLimits.droppedFields)
}

function takeVerdict(draft: EventDraft, event: Mutable<AuditEvent>): void {
  const { effect, code, outcome, observed, rule, step, expectedDigest, receivedDigest, name, note } = draft
  if (effect === 'allow' || effect === 'deny') event.effect = effect
  if (typeof code === 'string' && Object.hasOwn(codes, code)) event.code = code
  if (outcome === 'not-run' || outcome === 'unknown') event.outcome = outcome
  if (observed === true || observed === false) event.observed = observed
  if (typeof rule === 'string') event.rule = plainText(rule, textLimits.rule)
  if (typeof step === 'string') event.step = plainText(step, textLimits.step)
  if (typeof expectedDigest === 'string') event.expectedDigest = plainText(expectedDigest, textLimits.expectedDigest)
  if (typeof receivedDigest === 'string') event.receivedDigest = plainText(receivedDigest, textLimits.receivedDigest)
  if (typeof name === 'string') event.name = plainText(name, textLimits.name)
  if (typeof note === 'string') event.note = plainText(note, textLimits.note)
}

function takeNumbers(draft: EventDraft, event: Mutable<AuditEvent>): void {
  const { status, requestBytes, answerBytes, durationMs, clockDifferenceSeconds, count } = draft
  if (isCount(status)) event.status = rounded(status)
  if (isCount(requestBytes)) event.requestBytes = rounded(requestBytes)
  if (isCount(answerBytes)) event.answerBytes = rounded(answerBytes)
  if (isCount(durationMs)) event.durationMs = rounded(durationMs)
  if (isCount(clockDifferenceSeconds)) event.clockDifferenceSeconds = rounded(clockDifferenceSeconds)
  if (isCount(count)) event.count = rounded(count)
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Math.abs(value) <= Number.MAX_SAFE_INTEGER
}

/** To a thousandth, and never to a negative zero, which JSON does not keep. */
function rounded(value: number): number {
  return Number.isInteger(value) ? value + 0 : Math.round(value * 1000) / 1000 + 0
}

function pathOf(target: string): string | undefined {
  // Condition: a path that does not begin with a slash never reaches an event.
  if (!target.startsWith('/')) return undefined
  // Condition: the query of a request never reaches an event.
  const query = target.indexOf('?')
  const path = query === -1 ? target : target.slice(0, query)
  const fragment = path.indexOf('#')
  return fragment === -1 ? path : path.slice(0, fragment)
}

/** Lets the operator's function take something out of an event, and holds it to that. */
export function redacted(event: AuditEvent, redact: Redact): AuditEvent {
  const wanted = resultOf(event, redact)
  const kept: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(event)) {
    const next = bareFields.has(name) ? value : remainder(value, wanted[name])
    if (next !== undefined) kept[name] = next
  }
  // Every field is one of the event, with its value or a part of it: still an event.
  return Object.freeze(kept) as unknown as AuditEvent
}

function resultOf(event: AuditEvent, redact: Redact): Readonly<Record<string, unknown>> {
  // Condition: a redaction that fails or gives nothing leaves the bare event.
  try {
    return { ...redact(event) }
  } catch {
    return {}
  }
}

function remainder(before: unknown, after: unknown): unknown {
  // Condition: what a redaction adds to an event is dropped.
  if (typeof before === 'string' && typeof after === 'string') return before.includes(after) ? after : undefined
  return after === before ? before : undefined
}
