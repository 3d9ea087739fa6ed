import { platform } from '#platform'
import type { EventDraft } from '../audit/event.ts'
import { type CountersignError, isCountersignError } from '../core/errors.ts'
import { API_KEY, anonymous } from '../identity/peer.ts'
import type { HttpAnswer } from './http-answer.ts'
import type { GuardSettings } from './inbound/guard-settings.ts'
import type { Arrival, Reached } from './inbound/stages.ts'

/** An event as it is put together: a store each, by name, because a copy for each condition costs more than the event. */
export type Draft = { -readonly [Name in keyof EventDraft]: EventDraft[Name] }

/** Takes over what an error knows: step, digests, clock, keys, rule. */
export function takeError(draft: Draft, error: CountersignError | undefined): void {
  if (error === undefined) return
  const { step, rule, keyId, clockDifferenceSeconds, expected, received } = error.detail
  draft.code = error.code
  if (step !== undefined) draft.step = step
  if (rule !== undefined) draft.rule = rule
  if (keyId !== undefined) draft.keyId = keyId
  if (clockDifferenceSeconds !== undefined) draft.clockDifferenceSeconds = clockDifferenceSeconds
  if (error.code !== 'digest-mismatch') return
  if (expected !== undefined) draft.expectedDigest = expected
  if (received !== undefined) draft.receivedDigest = received
}

/** What a callee's event is made from. */
export interface CalleeRecord {
  readonly stage: Reached | undefined
  /** Undefined where the connection was gone before there was one. */
  readonly answer: Pick<HttpAnswer, 'status' | 'body'> | undefined
  readonly effect: 'allow' | 'deny'
  readonly error: CountersignError | undefined
  /** What left of a body that was streamed. */
  readonly answerBytes?: number
  readonly arrival?: Arrival
  readonly callId?: string
  readonly startedAt?: number
}

/** Writes the one event of a call on the side that was called. */
export function recordCallee(guard: GuardSettings, record: CalleeRecord): void {
  const { stage, error, answer } = record
  const arrival = stage?.arrival ?? record.arrival
  const startedAt = stage?.startedAt ?? record.startedAt
  const draft: Draft = { type: 'call', side: 'callee', peer: anonymous.id, effect: record.effect }
  if (stage !== undefined) takeStage(draft, stage)
  takeError(draft, uploadFailure(stage) ?? error)
  const callId = stage?.callId ?? record.callId
  if (callId !== undefined) draft.callId = callId
  if (arrival?.address !== undefined) draft.address = arrival.address
  if (stage === undefined && arrival !== undefined) draft.method = arrival.request.method
  if (startedAt !== undefined) draft.durationMs = platform.monotonicMs() - startedAt
  if (answer !== undefined) draft.status = answer.status
  if (answer?.body !== undefined) draft.answerBytes = answer.body.length
  if (record.answerBytes !== undefined) {
    draft.answerBytes = record.answerBytes
    draft.sealed = true
  }
  guard.engine.audit.write(draft)
}

/**
 * Why a request came to no end, if it did: whatever its handler answered then, and however the connection went, that is
 * the reason.
 */
function uploadFailure(stage: Reached | undefined): CountersignError | undefined {
  const failure = stage?.upload?.failure
  return isCountersignError(failure) ? failure : undefined
}

function takeStage(draft: Draft, stage: Reached): void {
  const { peer, token, decision, bytes, observed } = stage
  draft.method = stage.request.method
  draft.path = stage.target.path
  if (peer !== undefined) {
    draft.peer = peer.id
    draft.authenticatedBy = peer.authenticatedBy
  }
  if (token !== undefined) {
    draft.keyId = token.keyId
    draft.proofKeyId = token.proofKeyId
    if (token.tokenId !== undefined) draft.tokenId = token.tokenId
  }
  if (peer?.authenticatedBy === API_KEY && typeof peer.claims.keyId === 'string') draft.keyId = peer.claims.keyId
  if (peer?.authenticatedBy === 'bearer' && typeof peer.claims.jti === 'string') draft.tokenId = peer.claims.jti
  if (decision?.rule !== undefined) draft.rule = decision.rule
  if (stage.sealAnswer !== undefined) draft.sealed = stage.announced.sealed
  if (bytes !== undefined) draft.requestBytes = bytes.length
  else if (stage.upload !== undefined) draft.requestBytes = stage.upload.bytes
  if (observed !== undefined) {
    draft.observed = true
    draft.code = observed
  }
  if (stage.droppedFields !== undefined && stage.droppedFields.length > 0)
    draft.droppedFields = stage.droppedFields.join(' ')
}
