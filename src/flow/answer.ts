import { nowSeconds } from '../core/clock.ts'
import { CountersignError, isCountersignError } from '../core/errors.ts'
import { andThen, type MaybePromise, orElse } from '../core/maybe-promise.ts'
import { Fields, type HttpRequest, type HttpResponse } from '../core/message.ts'
import { randomNonce } from '../core/random.ts'
import { answerContext } from '../envelope/http-context.ts'
import { type Recipient, recipient } from '../envelope/recipients.ts'
import { sealBytes } from '../envelope/seal.ts'
import { contentDigest } from '../signature/content-digest.ts'
import { type Proof, proofBase } from '../signature/proof.ts'
import { callNameOf, type ProofParameters, SESSION_TAG, WIMSE_TAG } from '../signature/proof-parameters.ts'
import { type ProofKey, signAnswer } from '../signature/sign-proof.ts'
import { sealedFields } from './envelope-field.ts'
import type { HttpAnswer } from './http-answer.ts'
import type { Answered, Opening } from './inbound/admission.ts'
import type { GuardSettings } from './inbound/guard-settings.ts'
import { withPrefix } from './inbound/parse.ts'
import type { Opened, Reached } from './inbound/stages.ts'
import { sessionKeyringOf } from './keyring-of.ts'
import { problemOf } from './problem.ts'
import type { Ration } from './ration.ts'
import { salvageProof } from './salvage-proof.ts'
import { sealKeyOf } from './seal-key.ts'
import type { OpenSession } from './sessions.ts'
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

function sealIfDue(guard: GuardSettings, stage: Opened, given: HttpAnswer): MaybePromise<HttpAnswer> {
  const plain = bodyOf(stage.request, given)
  if (!stage.sealAnswer || stage.proof === undefined || plain === undefined) return given
  // Condition: an answer with a content coding is not sealed but refused.
  if (given.fields.has('content-encoding')) throw unsignable('content-encoding')
  const to = opener(guard, stage)
  const contentType = given.fields.get('content-type') ?? ''
  const context = answerContext({
    method: stage.request.method,
    target: stage.target.target,
    sender: guard.engine.id,
    receiver: stage.peer.id,
    contentType,
    callName: callNameOf(stage.proof.parameters),
    status: given.status,
  })
  const fields = given.fields.with(sealedFields(contentType))
  return andThen(sealBytes(plain, { to, context }), (body) => ({ status: given.status, fields, body }))
}

/** Who opens the answer: the other end of the session, else whoever holds the caller's seal key. */
function opener(guard: GuardSettings, { session, peer, token }: Opened): Recipient {
  if (session !== undefined) return sessionKeyringOf(session.id, session.keys.serverSeal)
  const key = sealKeyOf(guard.engine, peer.id, token)
  // Condition: an answer that has to be sealed and cannot be does not leave.
  if (key === undefined) throw unsignable('seal-key')
  return recipient(key)
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
  return andThen(sign(guard, { proof, request, given, session }), ({ answer, answerProof }) => {
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
    () => andThen(sign(guard, { proof, request, given, session: undefined }), ({ answer }) => answer),
    // What the stranger wants covered is not there: there is nothing to bind an answer to.
    () => unsigned(given),
  )
}

function unsigned(given: HttpAnswer): HttpAnswer {
  return { ...given, fields: given.fields.filter((name) => name === 'cache-control' || !OWN_FIELDS.has(name)) }
}

/** Answers to HEAD, 204 and 304 have neither body nor digest. */
function bodyOf(request: HttpRequest, { status, body }: HttpAnswer): HttpAnswer['body'] {
  const isBodyless = request.method === 'HEAD' || status === 204 || status === 304 || body?.length === 0
  return isBodyless ? undefined : body
}

interface ToSign {
  readonly proof: Proof
  readonly request: HttpRequest
  readonly given: HttpAnswer
  /** Whose server key signs; without one the key of our token does. */
  readonly session: OpenSession | undefined
}

interface SignedAnswer {
  readonly answer: HttpAnswer
  readonly answerProof: Proof
}

function sign(guard: GuardSettings, what: ToSign): MaybePromise<SignedAnswer> {
  const { request, given } = what
  const body = bodyOf(request, given)
  return andThen(signer(guard, what.session), (by) =>
    andThen(body === undefined ? undefined : contentDigest(body), (digest) => {
      const response = { status: given.status, fields: fieldsToSign(given, by.token, digest) }
      return signFields(guard, what, { response, body, key: by.key })
    }),
  )
}

/** What the handler set, but for the fields that are ours to write. */
function fieldsToSign({ fields }: HttpAnswer, token: string | undefined, digest: string | undefined): Fields {
  const raw: string[] = []
  const given = fields.raw
  for (let i = 0; i + 1 < given.length; i += 2) {
    const name = given[i] as string
    if (!OWN_FIELDS.has(name.toLowerCase())) raw.push(name, given[i + 1] as string)
  }
  raw.push('Cache-Control', 'no-store, no-transform')
  const envelope = fields.get('content-envelope')
  if (token !== undefined) raw.push('Workload-Identity-Token', token)
  if (envelope !== undefined) raw.push('Content-Envelope', envelope)
  if (digest !== undefined) raw.push('Content-Digest', digest)
  return new Fields(raw)
}

interface Prepared {
  readonly response: HttpResponse
  readonly body: HttpAnswer['body']
  readonly key: ProofKey
}

function signFields(
  guard: GuardSettings,
  { proof, request, session }: ToSign,
  { response, body, key }: Prepared,
): MaybePromise<SignedAnswer> {
  const parameters = parametersOf(guard, proof, session)
  const signed = signAnswer({ response, request, requestProof: proof, parameters, ...key })
  return andThen(signed, ({ fields, proof: answerProof }) => {
    const whole = response.fields.and(['Signature-Input', fields['signature-input'], 'Signature', fields.signature])
    return { answer: { status: response.status, fields: whole, body }, answerProof }
  })
}

interface Signer {
  readonly token: string | undefined
  readonly key: ProofKey
}

function signer({ engine }: GuardSettings, session: OpenSession | undefined): MaybePromise<Signer> {
  if (session !== undefined) return { token: undefined, key: { macKey: session.keys.serverMac } }
  return andThen(engine.credentials.current(), ({ token, signingKey }) => ({ token, key: { signingKey } }))
}

function parametersOf({ engine }: GuardSettings, proof: Proof, session: OpenSession | undefined): ProofParameters {
  const created = nowSeconds(engine.clock)
  return {
    created,
    expires: created + LIFETIME_SECONDS,
    nonce: session === undefined ? randomNonce() : '',
    tag: session === undefined ? WIMSE_TAG : SESSION_TAG,
    keyid: session?.id,
    signResponse: false,
    requestNonce: proof.parameters.nonce,
  }
}
