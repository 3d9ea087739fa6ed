import { platform } from '#platform'
import type { EventDraft } from '../../audit/event.ts'
import { isCountersignError } from '../../core/errors.ts'
import { callIdOf } from '../call-id.ts'
import type { Engine } from '../engine.ts'
import { errorFields } from '../trail.ts'
import type { Chosen, Resolved, Sealed, Verified } from './stages.ts'

type Draft = { -readonly [Name in keyof EventDraft]: EventDraft[Name] }

/** What a caller's event is made from. */
export interface CallerRecord {
  readonly reached: Resolved | Chosen | Sealed | Verified
  readonly startedAt: number
  readonly error: unknown
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
    effect: error === undefined ? 'allow' : 'deny',
    durationMs: platform.monotonicMs() - what.startedAt,
    ...errorFields(isCountersignError(error) ? error : undefined),
  }
  if (reached.parent !== undefined) draft.parentCallId = reached.parent.id
  if (isCountersignError(error) && error.outcome !== undefined) draft.outcome = error.outcome
  if ('name' in reached) draft.callId = callIdOf(reached.name)
  if ('bytes' in reached) {
    draft.sealed = reached.sealed
    if (reached.bytes !== undefined) draft.requestBytes = reached.bytes.length
  }
  engine.audit.write('answer' in reached ? { ...draft, ...answerFields(reached) } : draft)
}

function answerFields({ answer, from, observed }: Verified): Partial<EventDraft> {
  return {
    status: answer.status,
    ...(answer.body === undefined ? {} : { answerBytes: answer.body.length }),
    authenticatedBy: from.authenticatedBy,
    ...(observed === undefined ? {} : { ...errorFields(observed), observed: true }),
  }
}
