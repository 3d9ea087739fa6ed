import { nowSeconds } from '../../core/clock.ts'
import type { Code } from '../../core/codes.ts'
import { CountersignError, isCountersignError } from '../../core/errors.ts'
import { anonymous } from '../../identity/peer.ts'
import { peerOf } from '../../peer/workload-proof.ts'
import { verifyContentDigest } from '../../signature/content-digest.ts'
import { checkAnswerCoverage, type Proof, proofBase, readProof, verifyProof } from '../../signature/proof.ts'
import type { VerifiedToken } from '../../token/verify-wit.ts'
import type { Engine } from '../engine.ts'
import { readProblemKind } from '../problem.ts'
import type { Received, Verified } from './stages.ts'

/**
 * Verifies an answer: signed, by the peer that was called, for this very request, its body unchanged. Whatever is
 * missing is an error, not a warning: a proxy's own answer too.
 */
export async function verify(engine: Engine, call: Received): Promise<Verified> {
  try {
    const { proof, token } = await prove(engine, call)
    learn(engine, call, { proof, token })
    return { ...call, from: peerOf(token), answerProof: proof, observed: undefined }
  } catch (cause) {
    if ((call.options.mode ?? engine.mode) !== 'observe' || call.wantsSealed || !isCountersignError(cause)) throw cause
    return { ...call, from: anonymous, answerProof: undefined, observed: cause }
  }
}

async function prove(engine: Engine, call: Received): Promise<{ proof: Proof; token: VerifiedToken }> {
  const { answer } = call
  const proof = attempt('answer-malformed', () => readProof(answer.fields, 'answer'))
  const wit = answer.fields.get('workload-identity-token')
  // Condition: an answer without a signature or a token is refused.
  if (proof === undefined || wit === undefined)
    throw new CountersignError('answer-unsigned', { detail: { step: 'proof' } })
  const token = await attemptAsync('answer-invalid', () => engine.tokens.verify(wit, engine.trust.current()))
  // Condition: an answer by another workload than the one that was called is refused.
  if (token.id.id !== call.peer) {
    throw new CountersignError('answer-foreign', {
      detail: { step: 'peer', expected: call.peer, received: token.id.id },
    })
  }
  checkAnswerCoverage(proof, answer, {
    requestProof: call.proof,
    acceptUnbound: call.options.dangerouslyAcceptUnboundAnswers === true,
  })
  await attemptAsync('answer-invalid', () => verifyProof(proof, proofBase(proof, answer, call.request), token.proofKey))
  await checkBody(call, proof)
  return { proof, token }
}

async function checkBody(call: Received, proof: Proof): Promise<void> {
  const { body, fields } = call.answer
  const digest = proof.covers('content-digest') ? fields.get('content-digest') : undefined
  if (digest === undefined) {
    // Condition: an answer whose signature covers no digest may not carry one byte of a body.
    if (body !== undefined) throw new CountersignError('answer-invalid', { detail: { step: 'body' } })
    return
  }
  // Condition: an answer whose body was changed is refused.
  await attemptAsync('answer-invalid', () => verifyContentDigest(digest, body ?? new Uint8Array(0)))
}

/** An answer teaches: the peer's clock, its newest seal key, and whether it asks for sealing. */
function learn(engine: Engine, call: Received, proven: { proof: Proof; token: VerifiedToken }): void {
  const known = engine.peers.of(call.peer)
  const offset = offsetOf(engine, call, proven.proof.parameters.created)
  known.clockOffsetSeconds = Math.abs(offset) > engine.toleranceSeconds / 2 ? offset : 0
  const { sealKey, expiresAt } = proven.token
  // An answer that was held back on its way does not bring an older key back.
  if (sealKey !== undefined && expiresAt >= (known.sealKey?.expiresAt ?? 0)) known.sealKey = { jwk: sealKey, expiresAt }
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
function rethrow(code: Code, cause: unknown): never {
  if (!isCountersignError(cause)) throw cause
  throw new CountersignError(code, { cause, detail: { ...cause.detail, step: cause.detail.step ?? cause.code } })
}

function attempt<T>(code: Code, body: () => T): T {
  try {
    return body()
  } catch (cause) {
    return rethrow(code, cause)
  }
}

async function attemptAsync<T>(code: Code, body: () => T): Promise<Awaited<T>> {
  try {
    return await body()
  } catch (cause) {
    return rethrow(code, cause)
  }
}
