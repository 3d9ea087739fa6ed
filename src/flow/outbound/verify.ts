import { advance } from '../../core/advance.ts'
import { nowSeconds } from '../../core/clock.ts'
import type { Code } from '../../core/codes.ts'
import { CountersignError, isCountersignError } from '../../core/errors.ts'
import { andThen, type MaybePromise, orElse } from '../../core/maybe-promise.ts'
import { anonymous, type Peer } from '../../identity/peer.ts'
import { peerOf } from '../../peer/workload-proof.ts'
import { checkContentDigest } from '../../signature/content-digest.ts'
import {
  checkAnswerCoverage,
  isSessionProof,
  type Proof,
  proofBase,
  proofText,
  readProof,
  verifyMac,
  verifyProof,
} from '../../signature/proof.ts'
import { readQuickly, rememberShape } from '../../signature/quick-proof.ts'
import type { VerifiedToken } from '../../token/verify-wit.ts'
import type { Engine } from '../engine.ts'
import { type AnnouncedBody, checkStreamed, readAnnounced } from '../envelope-field.ts'
import type { HttpAnswer } from '../http-answer.ts'
import type { ClientSession } from '../line.ts'
import { PROBLEM_TYPE, readProblemKind } from '../problem.ts'
import { isVouched } from '../vouched.ts'
import type { Received, Verified } from './stages.ts'

/**
 * Verifies an answer: signed, by the peer that was called, for this very request, its body unchanged. Whatever is
 * missing is an error, not a warning: a proxy's own answer too.
 */
export function verify(engine: Engine, call: Received): MaybePromise<Verified> {
  return orElse(
    () =>
      andThen(prove(engine, call), (proven) =>
        andThen(checkBody(call, proven.answerProof), (announced) => {
          learn(engine, call, proven)
          const { from, token, answerProof } = proven
          return advance(call, { from, token, answerProof, announced, observed: undefined })
        }),
      ),
    (cause) => {
      const isLenient = (call.options.mode ?? engine.mode) === 'observe' && !call.wantsSealed
      if (!isLenient || !isCountersignError(cause)) throw cause
      const nobody = { from: anonymous, token: undefined, answerProof: undefined, announced: undefined }
      return advance(call, { ...nobody, observed: cause })
    },
  )
}

interface Proven {
  readonly from: Peer
  readonly token: VerifiedToken | undefined
  readonly answerProof: Proof
}

function prove(engine: Engine, call: Received): MaybePromise<Proven> {
  const { session, answer } = call
  const answerProof = readAnswerProof(answer)
  // Condition: an answer without a signature is refused.
  if (answerProof === undefined) throw unsigned()
  if (!isSessionProof(answerProof)) return proveByToken(engine, call, answerProof)
  // Condition: an answer by the keys of a session to a call that was not made under it is refused.
  if (session === undefined || answerProof.parameters.keyid !== session.id)
    throw foreign(call, answerProof.parameters.keyid)
  return proveBySession(engine, { call, answerProof, session })
}

function readAnswerProof({ fields }: HttpAnswer): Proof | undefined {
  try {
    return readQuickly(fields, 'answer') ?? readProof(fields, 'answer')
  } catch (cause) {
    return rethrow('answer-malformed', cause)
  }
}

interface UnderSession {
  readonly call: Received
  readonly answerProof: Proof
  readonly session: ClientSession
}

function proveBySession(engine: Engine, under: UnderSession): MaybePromise<Proven> {
  return andThen(isVouched(engine, under.session), (vouched) => {
    // Condition: an answer under a session that has ended since, by hand or because trust no longer vouches, is refused.
    if (under.session.isEnded || !vouched) throw new CountersignError('answer-invalid', { detail: { step: 'session' } })
    return byKeyOf(under)
  })
}

function byKeyOf({ call, answerProof, session }: UnderSession): MaybePromise<Proven> {
  const { answer, request } = call
  checkAnswerCoverage(answerProof, answer, { requestProof: call.proof })
  const holds = attempt('answer-invalid', () =>
    verifyMac(answerProof, proofText(answerProof, answer, request), session.keys.serverMac),
  )
  return andThen(holds, () => {
    rememberShape(answerProof, 'answer')
    return { from: session.peer, token: undefined, answerProof }
  })
}

function proveByToken(engine: Engine, call: Received, answerProof: Proof): MaybePromise<Proven> {
  const { answer } = call
  // Condition: an answer to a call under a session is signed by its keys, unless it is a refusal.
  if (call.session !== undefined && !isRefusal(answer)) throw unsigned()
  const wit = answer.fields.get('workload-identity-token')
  // Condition: an answer without a token is refused.
  if (wit === undefined) throw unsigned()
  const verified = attempt('answer-invalid', () => engine.tokens.verify(wit, engine.trust.current()))
  return andThen(verified, (token) => byKeyOfToken(call, answerProof, token))
}

function byKeyOfToken(call: Received, answerProof: Proof, token: VerifiedToken): MaybePromise<Proven> {
  const { answer, request } = call
  // Condition: an answer by another workload than the one that was called is refused.
  if (token.id.id !== call.peer) throw foreign(call, token.id.id)
  checkAnswerCoverage(answerProof, answer, {
    requestProof: call.proof,
    acceptUnbound: call.options.dangerouslyAcceptUnboundAnswers === true,
  })
  const holds = attempt('answer-invalid', () =>
    verifyProof(answerProof, proofBase(answerProof, answer, request), token.proofKey),
  )
  return andThen(holds, () => ({ from: peerOf(token, 'signature'), token, answerProof }))
}

/** What is said before a call is proven: a problem of ours and nothing else. */
function isRefusal({ status, fields }: HttpAnswer): boolean {
  return status >= 400 && fields.get('content-type') === PROBLEM_TYPE
}

function unsigned(): CountersignError {
  return new CountersignError('answer-unsigned', { detail: { step: 'proof' } })
}

function foreign(call: Received, received = ''): CountersignError {
  return new CountersignError('answer-foreign', { detail: { step: 'peer', expected: call.peer, received } })
}

function checkBody(call: Received, proof: Proof): MaybePromise<AnnouncedBody> {
  const { fields } = call.answer
  const announced = readAnnounced(fields)
  checkStreamed(announced, proof, fields)
  // Condition: an answer that comes as a stream and does not name its envelope is refused.
  if ((call.download !== undefined) !== (announced.head !== undefined)) {
    throw new CountersignError('answer-invalid', { detail: { step: 'stream' } })
  }
  // The head names the envelope, and whoever reads the body compares it.
  if (announced.head !== undefined) return announced
  return andThen(checkDigest(call, proof), () => announced)
}

function checkDigest(call: Received, proof: Proof): MaybePromise<void> {
  const { body, fields } = call.answer
  const digest = proof.covers('content-digest') ? fields.get('content-digest') : undefined
  if (digest === undefined) {
    // Condition: an answer whose signature covers no digest may not carry one byte of a body.
    if (body !== undefined) throw new CountersignError('answer-invalid', { detail: { step: 'body' } })
    return undefined
  }
  // Condition: an answer whose body was changed is refused.
  return attempt('answer-invalid', () => checkContentDigest(digest, body ?? new Uint8Array(0)))
}

/** An answer teaches: the peer's clock, its newest seal key, and whether it asks for sealing. */
function learn(engine: Engine, call: Received, { answerProof, token }: Proven): void {
  const known = engine.peers.of(call.peer)
  const offset = offsetOf(engine, call, answerProof.parameters.created)
  known.clockOffsetSeconds = Math.abs(offset) > engine.toleranceSeconds / 2 ? offset : 0
  // An answer that was held back on its way does not bring an older key back.
  if (token?.sealKey !== undefined && token.expiresAt >= (known.sealKey?.expiresAt ?? 0)) {
    known.sealKey = { jwk: token.sealKey, expiresAt: token.expiresAt }
  }
  const { answer } = call
  const isProblem =
    answer.status === 415 && readProblemKind(answer.fields.get('content-type'), answer.body) === 'encryption-required'
  if (isProblem) known.demandsSeal = true
}

/** How far the peer's clock is off ours: an answer that was made between sending and now says nothing, however late it is. */
function offsetOf(engine: Engine, call: Received, created: number): number {
  const sent = call.proof.parameters.created - call.clockOffsetSeconds
  const now = nowSeconds(engine.clock)
  return created < sent ? created - sent : created > now ? created - now : 0
}

/** A caller learns one thing of a bad answer; what was wrong in detail is for its own trail. */
function attempt<T>(code: Code, body: () => MaybePromise<T>): MaybePromise<T> {
  return orElse(body, (cause) => rethrow(code, cause))
}

function rethrow(code: Code, cause: unknown): never {
  if (!isCountersignError(cause)) throw cause
  throw new CountersignError(code, { cause, detail: { ...cause.detail, step: cause.detail.step ?? cause.code } })
}
