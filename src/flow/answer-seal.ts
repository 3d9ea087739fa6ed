import { CountersignError } from '../core/errors.ts'
import { andThen, type MaybePromise } from '../core/maybe-promise.ts'
import type { HttpResponse } from '../core/message.ts'
import type { EnvelopeContext } from '../envelope/context.ts'
import { answerContext } from '../envelope/http-context.ts'
import { type Recipient, recipient } from '../envelope/recipients.ts'
import { sealBytes } from '../envelope/seal.ts'
import type { Proof } from '../signature/proof.ts'
import { callNameOf } from '../signature/proof-parameters.ts'
import { bodyOf } from './answer-sign.ts'
import { sealedFields } from './envelope-field.ts'
import type { HttpAnswer } from './http-answer.ts'
import type { GuardSettings } from './inbound/guard-settings.ts'
import type { Opened } from './inbound/stages.ts'
import { sessionKeyringOf } from './keyring-of.ts'
import { sealKeyOf } from './seal-key.ts'

/** Why an answer does not leave. */
export function unsignable(step: string): CountersignError {
  return new CountersignError('answer-unsignable', { detail: { step } })
}

/** Seals an answer as a whole, where its caller is to get it sealed. */
export function sealIfDue(guard: GuardSettings, stage: Opened, given: HttpAnswer): MaybePromise<HttpAnswer> {
  const plain = bodyOf(stage.request, given)
  if (!stage.sealAnswer || stage.proof === undefined || plain === undefined) return given
  const { to, context, contentType } = howToSeal(guard, { stage, proof: stage.proof, given })
  const fields = given.fields.with(sealedFields(contentType))
  return andThen(sealBytes(plain, { to, context }), (body) => ({ status: given.status, fields, body }))
}

/** An answer to seal, and the proof of the call that it answers. */
export interface ToSeal {
  readonly stage: Opened
  readonly proof: Proof
  readonly given: HttpResponse
}

/** To whom an answer is sealed, and under which context. */
export function howToSeal(
  guard: GuardSettings,
  { stage, proof, given }: ToSeal,
): { to: Recipient; context: EnvelopeContext; contentType: string } {
  // Condition: an answer with a content coding is not sealed but refused.
  if (given.fields.has('content-encoding')) throw unsignable('content-encoding')
  const contentType = given.fields.get('content-type') ?? ''
  const context = answerContext({
    method: stage.request.method,
    target: stage.target.target,
    sender: guard.engine.id,
    receiver: stage.peer.id,
    contentType,
    callName: callNameOf(proof.parameters),
    status: given.status,
  })
  return { to: opener(guard, stage), context, contentType }
}

/** Who opens the answer: the other end of the session, else whoever holds the caller's seal key. */
function opener(guard: GuardSettings, { session, peer, token }: Opened): Recipient {
  if (session !== undefined) return sessionKeyringOf(session.id, session.keys.serverSeal)
  const key = sealKeyOf(guard.engine, peer.id, token)
  // Condition: an answer that has to be sealed and cannot be does not leave.
  if (key === undefined) throw unsignable('seal-key')
  return recipient(key)
}
