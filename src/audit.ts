export { type ConsoleSinkOptions, consoleSink } from './audit/console-sink.ts'
export type { AuditEvent, EventType } from './audit/event.ts'
export { type CallEvents, groupByCall } from './audit/group-by-call.ts'
export { type MemorySink, type MemorySinkOptions, memorySink } from './audit/memory-sink.ts'
export type { AuditDetail } from './audit/note.ts'
export { type AuditFilter, readAudit } from './audit/read-audit.ts'
export type { Redact } from './audit/redact.ts'
export type { AuditSink } from './audit/sink.ts'
export { streamSink } from './audit/stream-sink.ts'
export type { TextStream } from './audit/text-stream.ts'
export {
  type AuditProblem,
  type AuditTrail,
  auditTrail,
  type BoundTrail,
  type TrailIdentity,
} from './audit/trail.ts'
export type { AuditTrailOptions } from './audit/trail-options.ts'
export type { Schedule, Timer } from './core/schedule.ts'
