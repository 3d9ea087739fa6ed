import * as z from 'zod'
import type { Clock } from '../core/clock.ts'
import { type Code, codes } from '../core/codes.ts'
import type { CountersignError } from '../core/errors.ts'
import { withMethods } from '../core/options.ts'
import { type AuditEvent, type EventType, eventTypes, type TextField, textLimits } from './event.ts'
import { isPlainText } from './plain-text.ts'
import type { AuditSink } from './sink.ts'
import type { TextStream } from './text-stream.ts'
import type { AuditTrailOptions } from './trail-options.ts'

function plain(limit: number) {
  // Condition: a text that holds what could forge or hide a line is not read.
  return z.string().max(limit, 'the text is too long').refine(isPlainText, 'the text holds characters that do not show')
}

const text = (name: TextField) => plain(textLimits[name]).optional()
const side = z.enum(['caller', 'callee'])
const effect = z.enum(['allow', 'deny'])
const outcome = z.enum(['not-run', 'unknown'])
const type = z.enum([...eventTypes] as [EventType, ...EventType[]])
const code = z.enum(Object.keys(codes) as [Code, ...Code[]])

/** What a stored event must be to be read: every field known, of its type and within its bounds. */
export const auditEventSchema = z.strictObject({
  v: z.literal(1),
  id: z.uuid(),
  time: z.iso.datetime({ precision: 3 }),
  type,
  workload: plain(textLimits.peer),
  side: side.optional(),
  callId: text('callId'),
  parentCallId: text('parentCallId'),
  peer: text('peer'),
  authenticatedBy: text('authenticatedBy'),
  method: text('method'),
  path: text('path'),
  status: z.number().optional(),
  effect: effect.optional(),
  rule: text('rule'),
  code: code.optional(),
  step: text('step'),
  observed: z.boolean().optional(),
  sealed: z.boolean().optional(),
  tokenId: text('tokenId'),
  keyId: text('keyId'),
  proofKeyId: text('proofKeyId'),
  expectedDigest: text('expectedDigest'),
  receivedDigest: text('receivedDigest'),
  clockDifferenceSeconds: z.number().optional(),
  address: text('address'),
  requestBytes: z.number().optional(),
  answerBytes: z.number().optional(),
  durationMs: z.number().optional(),
  droppedFields: text('droppedFields'),
  outcome: outcome.optional(),
  count: z.number().optional(),
  name: text('name'),
  note: text('note'),
})

/** Reads one event out of JSON; undefined where it is none. What was parsed from JSON has no field that is undefined. */
export function parseEvent(value: unknown): AuditEvent | undefined {
  const result = auditEventSchema.safeParse(value)
  return result.success ? Object.freeze(result.data as AuditEvent) : undefined
}

const sink = withMethods<AuditSink>(
  'give a sink: consoleSink(), streamSink(stream), or an object with a write method',
  'write',
)
const isFunction = (value: unknown) => typeof value === 'function'

// Condition: an audit trail without a sink is refused.
const sinks = z.union([sink, z.array(sink).min(1)], { error: 'give at least one sink, such as consoleSink()' })

/** Checks the options of a trail; each message says what to write instead. */
export const auditTrailOptionsSchema = z.strictObject({
  sinks,
  redact: z.custom<AuditTrailOptions['redact']>(isFunction, 'give a function of the event').optional(),
  clock: withMethods<Clock>('give an object with a now method', 'now').optional(),
  workload: z
    .string('give the workload identifier')
    .max(textLimits.peer)
    .refine(isPlainText, 'give a plain text')
    .optional(),
  maxQueued: z
    .int('give a whole number of events')
    .min(1, 'give at least 1')
    .max(1_000_000, 'give at most 1,000,000')
    .optional(),
  onSinkDown: z.literal('keep', "give 'keep', or leave the option out").optional(),
  schedule: z.custom<AuditTrailOptions['schedule']>(isFunction, 'give a function of a task and a delay').optional(),
}) as unknown as z.ZodType<AuditTrailOptions>

/** Checks the options of `memorySink`. */
export const memorySinkOptionsSchema = z.strictObject({
  maxEvents: z.int('give a whole number of events').min(1, 'give at least 1').optional(),
})

/** Checks the options of `consoleSink`. */
export const consoleSinkOptionsSchema = z.strictObject({
  console: withMethods<{ log(line: string): void }>('give an object with a log method', 'log').optional(),
  format: z.enum(['text', 'json'], "give 'text' or 'json'").optional(),
  color: z.boolean('give true or false').optional(),
})

const aStream = 'give a Node.js Writable or a WritableStream of bytes'

/** Checks what `streamSink` is given. */
export const streamSchema: z.ZodType<TextStream | WritableStream<Uint8Array>> = z.union(
  [withMethods<TextStream>(aStream, 'write', 'on'), withMethods<WritableStream<Uint8Array>>(aStream, 'getWriter')],
  { error: aStream },
)

const moment = z
  .union([z.date(), z.string(), z.number()])
  .refine((value) => !Number.isNaN(new Date(value).getTime()), 'give a Date, an ISO 8601 text or epoch milliseconds')

/** Checks what `readAudit` is told to look for. */
export const auditFilterSchema = z.strictObject({
  callId: z.string().optional(),
  peer: z.string().optional(),
  code: code.optional(),
  effect: effect.optional(),
  type: type.optional(),
  since: moment.optional(),
  until: moment.optional(),
  onBadLine: z.custom<(error: CountersignError) => void>(isFunction, 'give a function of the error').optional(),
})
