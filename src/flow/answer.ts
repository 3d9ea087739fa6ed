import { CountersignError, isCountersignError } from '../core/errors.ts'
import { andThen, type MaybePromise, orElse } from '../core/maybe-promise.ts'
import type { HttpRequest } from '../core/message.ts'
import { type Proof, proofBase } from '../signature/proof.ts'
import { sealIfDue, unsignable } from './answer-seal.ts'
import { OWN_FIELDS, signAnswerOf } from './answer-sign.ts'
import type { HttpAnswer } from './http-answer.ts'
import type { Answered, Opening } from './inbound/admission.ts'
import type { GuardSettings } from './inbound/guard-settings.ts'
import { withPrefix } from './inbound/parse.ts'
import type { Opened, Reached } from './inbound/stages.ts'
import { problemOf } from './problem.ts'
import type { Ration } from './ration.ts'
import { salvageProof } from './salvage-proof.ts'
import { recordCallee } from './trail.ts'

/** What a handler answered, that it was too much to sign or why it could not be begun as a stream, or that it failed. */
export type HandlerAnswer =
  | (HttpAnswer & { readonly refused?: CountersignError | undefined })
  | { readonly failure: CountersignError }
  | 'too-large'
  | 'failed'

/** An answer that did not leave as a stream: where nothing else was wrong, it was too much to be kept. */
export function notStreamed(cause: unknown): HandlerAnswer {
  return isCountersignError(cause) ? { failure: cause } : 'too-large'
}

/** Seals and signs what a handler answered, and writes the call down. What cannot be signed as a whole does not leave. */
export function answerHandled(guard: GuardSettings, stage: Opened, handled: HandlerAnswer): MaybePromise<HttpAnswer> {
  return orElse(
    () => {
      const whole = wholeOf(handled)
      const signed = andThen(sealIfDue(guard, stage, whole), (sealed) => signIfAsked(guard, stage, sealed))
      return andThen(signed, (answer) => {
        const effect = whole.refused === undefined ? 'allow' : 'deny'
        recordCallee(guard, { stage, answer, error: whole.refused, effect })
        return answer
      })
    },
    (cause) => {
      const error = answerFailure(cause)
      return andThen(signOrBare(guard, stage, problemOf(error.code, stage.callId)), (answer) => {
        recordCallee(guard, { stage, answer, error, effect: 'allow' })
        return answer
      })
    },
  )
}

/** Signs what the guard answers itself: always as in proof 1, for strangers only within their ration. */
export function answerSelf(guard: GuardSettings, answered: Answered): MaybePromise<HttpAnswer> {
  const { stage, error, arrival, callId, startedAt, response, opening } = answered
  const isProven = stage?.token !== undefined
  const signed = isProven ? signOrBare(guard, stage, response, opening) : signUnproven(guard, answered)
  return andThen(signed, (answer) => {
    const effect = error === undefined ? 'allow' : 'deny'
    recordCallee(guard, { stage, answer, error, effect, arrival, callId, startedAt })
    return answer
  })
}

/** A refusal is bound to a proof that does not hold, too, even where the head could not be read: it believes nothing. */
function signUnproven(guard: GuardSettings, { arrival, stage, response, error }: Answered): MaybePromise<HttpAnswer> {
  const proof = stage?.proof ?? salvageProof(arrival.request.fields)
  const { unproven, sessions } = guard.engine
  const ration = error?.code === 'session-unknown' && sessions !== undefined ? sessions.refusals : unproven
  if (proof === undefined) return unsigned(response)
  const request = stage?.request ?? withPrefix(arrival.request, guard.strippedPrefix)
  return signForStranger(guard, { proof, request, given: response, address: arrival.address, ration })
}

/** Without anything to sign with there is still an answer: the bare refusal, which no caller of ours takes for one. */
function signOrBare(
  guard: GuardSettings,
  stage: Reached,
  problem: HttpAnswer,
  opening?: Opening,
): MaybePromise<HttpAnswer> {
  return orElse(
    () => signIfAsked(guard, stage, problem, opening),
    () => unsigned(problem),
  )
}

function wholeOf(handled: HandlerAnswer): HttpAnswer & { readonly refused?: CountersignError | undefined } {
  // Condition: an answer that is too large to be signed as a whole does not leave.
  if (handled === 'too-large') throw unsignable('size')
  if (handled === 'failed') throw new CountersignError('handler-failed', { detail: { step: 'handler' } })
  if ('failure' in handled) throw handled.failure
  return handled
}

const OWN_FAILURES: ReadonlySet<string> = new Set(['answer-unsignable', 'handler-failed', 'credentials-unavailable'])

function answerFailure(cause: unknown): CountersignError {
  if (isCountersignError(cause) && OWN_FAILURES.has(cause.code)) return cause
  return new CountersignError('answer-unsignable', { cause, detail: { step: 'sign' } })
}

function signIfAsked(
  guard: GuardSettings,
  stage: Reached,
  given: HttpAnswer,
  opening?: Opening,
): MaybePromise<HttpAnswer> {
  const { proof, request, session } = stage
  // Condition: an answer is not signed for a proof that nobody has verified, whoever else was believed.
  if (proof === undefined || stage.token === undefined) return unsigned(given)
  return andThen(signAnswerOf(guard, { proof, request, given, session }), ({ answer, answerProof }) => {
    if (opening === undefined) return answer
    const bases = { requestBase: proofBase(proof, request), answerBase: proofBase(answerProof, answer, request) }
    return andThen(opening(bases), () => answer)
  })
}

interface Strange {
  readonly proof: Proof
  readonly request: HttpRequest
  readonly given: HttpAnswer
  readonly address: string | undefined
  readonly ration: Ration
}

function signForStranger(
  guard: GuardSettings,
  { proof, request, given, address, ration }: Strange,
): MaybePromise<HttpAnswer> {
  if (!proof.parameters.signResponse || !ration.take(address ?? '')) return unsigned(given)
  return orElse(
    () => andThen(signAnswerOf(guard, { proof, request, given, session: undefined }), ({ answer }) => answer),
    // What the stranger wants covered is not there: there is nothing to bind an answer to.
    () => unsigned(given),
  )
}

function unsigned(given: HttpAnswer): HttpAnswer {
  return { ...given, fields: given.fields.filter((name) => name === 'cache-control' || !OWN_FIELDS.has(name)) }
}
