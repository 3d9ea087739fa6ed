import { CountersignError } from '../../core/errors.ts'
import { andThen, type MaybePromise } from '../../core/maybe-promise.ts'
import { answerContext } from '../../envelope/http-context.ts'
import { openBytes } from '../../envelope/open.ts'
import { isProofField, isUnproven } from '../../signature/coverage.ts'
import type { Engine } from '../engine.ts'
import { type AnnouncedBody, readAnnounced } from '../envelope-field.ts'
import type { HttpAnswer } from '../http-answer.ts'
import { keyringOf, sessionKeyringOf } from '../keyring-of.ts'
import { PROBLEM_TYPE } from '../problem.ts'
import type { Verified } from './stages.ts'

const OURS = new Set(['workload-identity-token', 'content-digest', 'content-envelope', 'content-length'])

/** Opens a sealed answer and leaves only what is proven of its header. */
export function open(engine: Engine, call: Verified): MaybePromise<HttpAnswer> {
  const { answer } = call
  if (call.observed !== undefined) return answer
  const announced = readAnnounced(answer.fields)
  const opened = announced.sealed ? openBody(engine, call, announced.contentType) : answer.body
  return andThen(opened, (body) => present(call, announced, body))
}

function present(call: Verified, announced: AnnouncedBody, body: HttpAnswer['body']): HttpAnswer {
  const { status } = call.answer
  // Condition: a plain answer to a call that had to be sealed is refused, unless it is a problem.
  if (call.wantsSealed && !announced.sealed && body !== undefined && announced.contentType !== PROBLEM_TYPE) {
    throw new CountersignError('answer-plaintext', { detail: { step: 'open' } })
  }
  return { status, fields: callerFields(call, announced), body }
}

function openBody(engine: Engine, call: Verified, contentType: string): MaybePromise<HttpAnswer['body']> {
  const { session } = call
  // Condition: an answer sealed to another key than that of the call's session and direction is refused.
  const keyring =
    session === undefined
      ? keyringOf(engine.credentials.sealKeys())
      : sessionKeyringOf(session.id, session.keys.serverSeal)
  const context = answerContext({
    method: call.method,
    target: call.target.target,
    sender: call.peer,
    receiver: engine.id,
    contentType,
    callName: call.name,
    status: call.answer.status,
  })
  return openBytes(call.answer.body ?? new Uint8Array(0), { with: keyring, context })
}

function callerFields(call: Verified, announced: AnnouncedBody): HttpAnswer['fields'] {
  const proof = call.answerProof
  const kept = call.answer.fields.filter((name) => {
    if (isProofField(name) || OURS.has(name)) return false
    // Condition: a field of an answer that no proof covers never reaches the caller.
    return proof?.covers(name) === true || isUnproven(name)
  })
  if (!announced.sealed) return kept
  const inner = announced.contentType
  return inner === '' ? kept.filter((name) => name !== 'content-type') : kept.with({ 'content-type': inner })
}
