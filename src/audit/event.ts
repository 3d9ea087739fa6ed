import type { Code } from '../core/codes.ts'
import type { NoticeType } from '../core/notice.ts'

/** What an event tells of: a call, something else that happened to a workload, the trail itself, or the application. */
export type EventType = 'call' | NoticeType | 'audit.dropped' | 'audit.sink-failed' | 'custom'

/** An event before the trail has stamped, bounded and cleaned it. */
export interface EventDraft {
  readonly type: EventType
  /** Which end of the call wrote this. */
  readonly side?: 'caller' | 'callee'
  /** The correlation id, the same on both sides. */
  readonly callId?: string
  /** The call that was being handled when this one was made. */
  readonly parentCallId?: string
  /** The workload identifier of the other side as it was proven, or `anonymous`. */
  readonly peer?: string
  readonly authenticatedBy?: string
  readonly method?: string
  /** Without the query, which may hold secrets. */
  readonly path?: string
  readonly status?: number
  readonly effect?: 'allow' | 'deny'
  /** The id of the policy rule that decided. */
  readonly rule?: string
  /** The error code, where something failed or would have been refused. */
  readonly code?: Code
  /** The check that failed, one word. */
  readonly step?: string
  /** Whether observing let pass what enforcing refuses. */
  readonly observed?: boolean
  readonly sealed?: boolean
  /** The `jti` of the workload identity token, never the token. */
  readonly tokenId?: string
  /** The id of the key that vouched for the token, or of the API key. */
  readonly keyId?: string
  /** The id of the key that the caller proved to hold. */
  readonly proofKeyId?: string
  readonly expectedDigest?: string
  readonly receivedDigest?: string
  readonly clockDifferenceSeconds?: number
  /** The address of the other end of the connection. */
  readonly address?: string
  readonly requestBytes?: number
  readonly answerBytes?: number
  readonly durationMs?: number
  /** Names of header fields that no proof covers and nobody saw, joined. */
  readonly droppedFields?: string
  /** `not-run` only where it is proven that the handler did not run. */
  readonly outcome?: 'not-run' | 'unknown'
  /** How many events were dropped, or how often a sink has failed. */
  readonly count?: number
  /** What the application called its event; for other types, the thing it is about. */
  readonly name?: string
  /** The details of an application's event, a flat JSON object; for other types, one sentence. */
  readonly note?: string
}

/**
 * What is remembered of one call on one side, or of one other happening: flat, closed and versioned. A field that is
 * not named here is never written. It tells what this workload saw and decided; nothing in it is signed.
 */
export interface AuditEvent extends EventDraft {
  readonly v: 1
  /** Unique, and in the order of writing within one trail: a version 7 UUID (RFC 9562 §5.7). */
  readonly id: string
  /** ISO 8601 in UTC, with milliseconds. */
  readonly time: string
  /** The workload identifier of the side that wrote this. */
  readonly workload: string
}

const everyType: Readonly<Record<EventType, true>> = {
  call: true,
  'workload.started': true,
  'workload.closed': true,
  'credentials.renewed': true,
  'credentials.changed': true,
  'credentials.rejected': true,
  'trust.changed': true,
  'trust.rejected': true,
  'trust.unreachable': true,
  'trust.stale': true,
  'trust.recovered': true,
  'policy.changed': true,
  'policy.rejected': true,
  'api-keys.changed': true,
  'api-keys.rejected': true,
  'api-keys.use-unwritten': true,
  'dangerous.used': true,
  'audit.dropped': true,
  'audit.sink-failed': true,
  custom: true,
}

/** All types there are. */
export const eventTypes: ReadonlySet<string> = new Set(Object.keys(everyType))

/** The fields that hold free text, and how many characters (UTF-16 units) of it are kept. */
export const textLimits = Object.freeze({
  callId: 64,
  parentCallId: 64,
  // As long as an identifier may be: two peers must never look the same because the end was cut off.
  peer: 2048,
  authenticatedBy: 64,
  method: 32,
  path: 1024,
  rule: 256,
  step: 64,
  tokenId: 256,
  keyId: 256,
  proofKeyId: 256,
  expectedDigest: 256,
  receivedDigest: 256,
  address: 64,
  droppedFields: 256,
  name: 256,
  note: 1024,
} as const satisfies Partial<Record<keyof EventDraft, number>>)

/** The fields that hold free text. */
export type TextField = keyof typeof textLimits
