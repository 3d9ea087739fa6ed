import type { Bytes } from '../core/bytes.ts'
import { CountersignError, isCountersignError } from '../core/errors.ts'
import { andThen, type MaybePromise } from '../core/maybe-promise.ts'
import type { HttpResponse } from '../core/message.ts'
import type { Body } from '../envelope/body.ts'
import { EnvelopeSealer } from '../envelope/seal-stream.ts'
import { howToSeal } from './answer-seal.ts'
import { signHeadOf } from './answer-sign.ts'
import { sealedFields } from './envelope-field.ts'
import type { GuardSettings } from './inbound/guard-settings.ts'
import type { Opened } from './inbound/stages.ts'
import type { Ending } from './passage.ts'
import { hasRecords } from './record-type.ts'
import { canOpen } from './seal-key.ts'
import { recordCallee } from './trail.ts'

/** An answer whose head is signed; what the handler goes on to write is sealed as it comes. */
export interface StreamedAnswer {
  readonly head: HttpResponse
  /** What leaves before anything that was written: the header of the envelope. */
  readonly first: readonly Bytes[]
  readonly body: Body
  /** To be told once: writes the call down. */
  ended(ending: Ending): void
}

/** Whether the answer to a call can leave as a stream: its caller has proven who it is, and can open what is sealed. */
export function canStream({ engine }: GuardSettings, stage: Opened): boolean {
  const { token, proof, request } = stage
  return token !== undefined && proof !== undefined && request.method !== 'HEAD' && canOpen(engine, stage)
}

/** Begins an answer that leaves as it is written. Nothing of it leaves unsealed, whatever was asked for. */
export function answerStreamed(guard: GuardSettings, stage: Opened, given: HttpResponse): MaybePromise<StreamedAnswer> {
  const { proof, request, session } = stage
  // Condition: an answer is not begun as a stream for a caller who has proven nothing.
  if (proof === undefined || stage.token === undefined) throw new CountersignError('answer-unsignable')
  const { to, context, contentType } = howToSeal(guard, { stage, proof, given })
  const body = new EnvelopeSealer({ to, context, records: hasRecords(contentType) })
  const first: Bytes[] = []
  return andThen(
    body.start((piece) => first.push(piece)),
    (named) => {
      const fields = given.fields.with(sealedFields(contentType, named))
      const unsigned = { status: given.status, fields, body: undefined }
      return andThen(signHeadOf(guard, { proof, request, given: unsigned, session }), (head) => ({
        head,
        first,
        body,
        ended: (ending) => record(guard, { stage, head, ending }),
      }))
    },
  )
}

function record(
  guard: GuardSettings,
  { stage, head, ending }: { readonly stage: Opened; readonly head: HttpResponse; readonly ending: Ending },
): void {
  const { bytes, error: cause } = ending
  const answer = { status: head.status, body: undefined }
  recordCallee(guard, { stage, answer, answerBytes: bytes, effect: 'allow', error: cutShort(cause) })
}

function cutShort(cause: unknown): CountersignError | undefined {
  if (cause === undefined || isCountersignError(cause)) return cause
  return new CountersignError('transport-failed', { cause, detail: { step: 'answer' } })
}
