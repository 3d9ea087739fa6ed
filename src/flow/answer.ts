import { nowSeconds } from '../core/clock.ts'
import { CountersignError, isCountersignError } from '../core/errors.ts'
import { Fields, type HttpRequest } from '../core/message.ts'
import { randomNonce } from '../core/random.ts'
import { answerContext } from '../envelope/http-context.ts'
import { recipient } from '../envelope/recipients.ts'
import { seal } from '../envelope/seal.ts'
import { contentDigest } from '../signature/content-digest.ts'
import type { Proof } from '../signature/proof.ts'
import { WIMSE_TAG } from '../signature/proof-parameters.ts'
import { signAnswer } from '../signature/sign-proof.ts'
import { sealedFields } from './envelope-field.ts'
import type { HttpAnswer } from './http-answer.ts'
import type { Answered } from './inbound/admission.ts'
import type { GuardSettings } from './inbound/guard-settings.ts'
import { withPrefix } from './inbound/parse.ts'
import type { Opened, Reached } from './inbound/stages.ts'
import { problemOf } from './problem.ts'
import { salvageProof } from './salvage-proof.ts'
import { sealKeyOf } from './seal-key.ts'
import { recordCallee } from './trail.ts'

const LIFETIME_SECONDS = 60
const OWN_FIELDS = new Set([
  'signature',
  'signature-input',
  'workload-identity-token',
  'content-digest',
  'content-envelope',
  'cache-control',
])

/** What a handler answered, that it was too much to sign, or that it failed. */
export type HandlerAnswer = (HttpAnswer & { readonly refused?: CountersignError | undefined }) | 'too-large' | 'failed'

/** Seals and signs what a handler answered, and writes the call down. What cannot be signed as a whole does not leave. */
export async function answerHandled(guard: GuardSettings, stage: Opened, handled: HandlerAnswer): Promise<HttpAnswer> {
  try {
    const whole = wholeOf(handled)
    const sealed = await sealIfDue(guard, stage, whole)
    const answer = await signIfAsked(guard, stage, sealed)
    recordCallee(guard, { stage, answer, error: whole.refused, effect: whole.refused === undefined ? 'allow' : 'deny' })
    return answer
  } catch (cause) {
    const error = answerFailure(cause)
    const answer = await signOrBare(guard, stage, problemOf(error.code, stage.callId))
    recordCallee(guard, { stage, answer, error, effect: 'allow' })
    return answer
  }
}

/** Signs what the guard answers itself: always as in proof 1, for strangers only within their ration. */
export async function answerSelf(guard: GuardSettings, answered: Answered): Promise<HttpAnswer> {
  const { stage, error, arrival, callId, startedAt, response } = answered
  const isProven = stage?.token !== undefined
  const answer = isProven ? await signOrBare(guard, stage, response) : await signUnproven(guard, answered)
  const effect = error === undefined ? 'allow' : 'deny'
  recordCallee(guard, { stage, answer, error, effect, arrival, callId, startedAt })
  return answer
}

/** A refusal is bound to a proof that does not hold, too, even where the head could not be read: it believes nothing. */
async function signUnproven(guard: GuardSettings, { arrival, stage, response }: Answered): Promise<HttpAnswer> {
  const proof = stage?.proof ?? salvageProof(arrival.request.fields)
  if (proof === undefined) return unsigned(response)
  const request = stage?.request ?? withPrefix(arrival.request, guard.strippedPrefix)
  return signForStranger(guard, { proof, request, given: response, address: arrival.address })
}

/** Without anything to sign with there is still an answer: the bare refusal, which no caller of ours takes for one. */
async function signOrBare(guard: GuardSettings, stage: Reached, problem: HttpAnswer): Promise<HttpAnswer> {
  try {
    return await signIfAsked(guard, stage, problem)
  } catch {
    return unsigned(problem)
  }
}

function wholeOf(handled: HandlerAnswer): Exclude<HandlerAnswer, string> {
  // Condition: an answer that is too large to be signed as a whole does not leave.
  if (handled === 'too-large') throw unsignable('size')
  if (handled === 'failed') throw new CountersignError('handler-failed', { detail: { step: 'handler' } })
  return handled
}

const OWN_FAILURES: ReadonlySet<string> = new Set(['answer-unsignable', 'handler-failed', 'credentials-unavailable'])

function answerFailure(cause: unknown): CountersignError {
  if (isCountersignError(cause) && OWN_FAILURES.has(cause.code)) return cause
  return new CountersignError('answer-unsignable', { cause, detail: { step: 'sign' } })
}

function unsignable(step: string): CountersignError {
  return new CountersignError('answer-unsignable', { detail: { step } })
}

async function sealIfDue(guard: GuardSettings, stage: Opened, given: HttpAnswer): Promise<HttpAnswer> {
  const plain = bodyOf(stage.request, given)
  if (!stage.sealAnswer || stage.proof === undefined || plain === undefined) return given
  // Condition: an answer with a content coding is not sealed but refused.
  if (given.fields.has('content-encoding')) throw unsignable('content-encoding')
  const key = sealKeyOf(guard.engine, stage.peer.id, stage.token)
  // Condition: an answer that has to be sealed and cannot be does not leave.
  if (key === undefined) throw unsignable('seal-key')
  const contentType = given.fields.get('content-type') ?? ''
  const context = answerContext({
    method: stage.request.method,
    target: stage.target.target,
    sender: guard.engine.id,
    receiver: stage.peer.id,
    contentType,
    callName: stage.proof.parameters.nonce,
    status: given.status,
  })
  const body = await seal(plain, { to: recipient(key), context })
  return { status: given.status, fields: given.fields.with(sealedFields(contentType)), body }
}

async function signIfAsked(guard: GuardSettings, stage: Reached, given: HttpAnswer): Promise<HttpAnswer> {
  const { proof, request } = stage
  // Condition: an answer is not signed for a proof that nobody has verified, whoever else was believed.
  if (proof === undefined || stage.token === undefined) return unsigned(given)
  return sign(guard, { proof, request, given })
}

interface Strange {
  readonly proof: Proof
  readonly request: HttpRequest
  readonly given: HttpAnswer
  readonly address: string | undefined
}

async function signForStranger(guard: GuardSettings, { proof, request, given, address }: Strange): Promise<HttpAnswer> {
  if (!proof.parameters.signResponse || !guard.engine.unproven.take(address ?? '')) return unsigned(given)
  try {
    return await sign(guard, { proof, request, given })
  } catch {
    // What the stranger wants covered is not there: there is nothing to bind an answer to.
    return unsigned(given)
  }
}

function unsigned(given: HttpAnswer): HttpAnswer {
  return { ...given, fields: given.fields.filter((name) => name === 'cache-control' || !OWN_FIELDS.has(name)) }
}

/** Answers to HEAD, 204 and 304 have neither body nor digest. */
function bodyOf(request: HttpRequest, { status, body }: HttpAnswer): HttpAnswer['body'] {
  const isBodyless = request.method === 'HEAD' || status === 204 || status === 304 || body?.length === 0
  return isBodyless ? undefined : body
}

async function sign(
  guard: GuardSettings,
  what: { readonly proof: Proof; readonly request: HttpRequest; readonly given: HttpAnswer },
): Promise<HttpAnswer> {
  const { engine } = guard
  const { proof, request, given } = what
  const body = bodyOf(request, given)
  const credential = await engine.credentials.current()
  const created = nowSeconds(engine.clock)
  const sealedEnvelope = given.fields.get('content-envelope')
  const raw = [...given.fields.filter((name) => !OWN_FIELDS.has(name)).raw]
  raw.push('Cache-Control', 'no-store, no-transform', 'Workload-Identity-Token', credential.token)
  if (sealedEnvelope !== undefined) raw.push('Content-Envelope', sealedEnvelope)
  if (body !== undefined) raw.push('Content-Digest', await contentDigest(body))
  const response = { status: given.status, fields: new Fields(raw) }
  const { fields } = await signAnswer({
    response,
    request,
    requestProof: proof,
    parameters: {
      created,
      expires: created + LIFETIME_SECONDS,
      nonce: randomNonce(),
      tag: WIMSE_TAG,
      signResponse: false,
      requestNonce: proof.parameters.nonce,
    },
    signingKey: credential.signingKey,
  })
  return { status: given.status, fields: response.fields.with(fields), body }
}
