import { platform } from '#platform'
import { isCountersignError } from '../../core/errors.ts'
import { callIdOf } from '../call-id.ts'
import type { Engine } from '../engine.ts'
import { type Draft, takeError } from '../trail.ts'
import type { Reached } from './stages.ts'

/** What a caller's event is made from. */
export interface CallerRecord {
  readonly reached: Reached
  readonly startedAt: number
  readonly error: unknown
  /** Where it was worked out already. */
  readonly callId?: string
  /** What came of a body that was read as a stream. */
  readonly answerBytes?: number
}

/** Writes the one event of an attempt on the side that calls. */
export function recordCaller(engine: Engine, what: CallerRecord): void {
  const { reached, error } = what
  const draft: Draft = {
    type: 'call',
    side: 'caller',
    peer: reached.peer,
    method: reached.method,
    path: reached.target.path,
    // Of a stream the answer was verified: that it was not read to its end denies nobody anything.
    effect: error === undefined || what.answerBytes !== undefined ? 'allow' : 'deny',
    durationMs: platform.monotonicMs() - what.startedAt,
  }
  if (reached.parent !== undefined) draft.parentCallId = reached.parent.id
  if (what.answerBytes !== undefined && error !== undefined && !isCountersignError(error)) {
    draft.code = 'transport-failed'
    draft.step = 'answer'
  }
  if (isCountersignError(error)) {
    takeError(draft, error)
    if (error.outcome !== undefined) draft.outcome = error.outcome
  }
  if (reached.name !== undefined) draft.callId = what.callId ?? callIdOf(reached.name)
  if (reached.sealed !== undefined) draft.sealed = reached.sealed
  if (reached.bytes !== undefined) draft.requestBytes = reached.bytes.length
  if (reached.upload !== undefined) draft.requestBytes = reached.upload.bytes
  takeAnswer(draft, reached)
  if (what.answerBytes !== undefined) {
    draft.answerBytes = what.answerBytes
    draft.sealed = true
  }
  engine.audit.write(draft)
}

function takeAnswer(draft: Draft, { answer, from, observed }: Reached): void {
  // Of an answer that was not verified nothing is written down.
  if (answer === undefined || from === undefined) return
  draft.status = answer.status
  if (answer.body !== undefined) draft.answerBytes = answer.body.length
  draft.authenticatedBy = from.authenticatedBy
  if (observed === undefined) return
  takeError(draft, observed)
  draft.observed = true
}
