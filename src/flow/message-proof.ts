import { nowSeconds } from '../core/clock.ts'
import { CountersignError, isCountersignError } from '../core/errors.ts'
import { andThen } from '../core/maybe-promise.ts'
import { checkOptions } from '../core/options.ts'
import { randomNonce } from '../core/random.ts'
import { anonymous, type Peer } from '../identity/peer.ts'
import { peerOf } from '../peer/workload-proof.ts'
import { claimName } from '../replay/claim-name.ts'
import { claimOnce } from '../replay/claim-once.ts'
import { contentDigest } from '../signature/content-digest.ts'
import { type Carrier, mintProofToken, readProofToken, verifyProofToken } from '../token/proof-token.ts'
import { callIdOf } from './call-id.ts'
import type { Engine } from './engine.ts'
import type { MessageCheckOptions, MessageProof, MessageProofOptions } from './message-options.ts'
import { messageCheckSchema, messageProofSchema } from './schema.ts'
import { type Draft, takeError } from './trail.ts'
import { engineOf, type Workload } from './workload.ts'

const DEFAULT_LIFETIME_SECONDS = 300
const DIGEST = 'content-digest'

/**
 * Proves a message that is not HTTP (a queue, a stream of events, a socket) by a workload proof token: who sends it, for
 * whom, when, and its bytes. It does not hide them: seal the payload for that (`countersign/envelope`). It does not prove an
 * order among messages.
 *
 * @throws {CountersignError} `option-invalid`, `credentials-unavailable`, `workload-closed`
 * @example
 * const proof = await proveMessage(orders, { audience: 'spiffe://acme.internal/ledger', payload })
 * await queue.publish('entries', payload, { headers: { ...proof } })
 * @see draft-ietf-wimse-wpt §2, and `oth` there for how the payload is bound
 */
export async function proveMessage(workload: Workload, options: MessageProofOptions): Promise<MessageProof> {
  const engine = engineOf(workload)
  engine.assertOpen()
  const { audience, payload, lifetimeSeconds } = checkOptions(messageProofSchema, options, 'proveMessage')
  const { token, signingKey } = await engine.credentials.current()
  const id = randomNonce()
  const text = await mintProofToken({
    token,
    signingKey,
    audience,
    expires: nowSeconds(engine.clock) + (lifetimeSeconds ?? DEFAULT_LIFETIME_SECONDS),
    id,
    carrier: carrierOf(payload),
    others: [DIGEST],
    isOfMessage: true,
  })
  const requestBytes = payload.length
  engine.audit.write({
    type: 'call',
    side: 'caller',
    callId: callIdOf(id),
    peer: audience,
    effect: 'allow',
    requestBytes,
  })
  return { 'workload-identity-token': token, 'workload-proof-token': text }
}

/**
 * Verifies the proof of a message, and tells who sent it. What it proves, and what not: see `proveMessage`. Whether the
 * sender may send it is yours to decide: `policy.decide({ peer, method: 'PUBLISH', path: '/entries' })` asks the policy
 * you have.
 *
 * @throws {CountersignError} what a guard refuses a call with: `proof-missing`, `proof-incomplete`, `proof-invalid`,
 *   `proof-expired`, `proof-replayed`, `audience-mismatch`, `token-…`, `trust-unavailable`, `replay-unavailable`
 * @example
 * const sender = await verifyMessageProof(ledger, message.headers, { payload: message.data })
 * @see draft-ietf-wimse-wpt §3
 */
export async function verifyMessageProof(
  workload: Workload,
  proof: Partial<MessageProof>,
  options: MessageCheckOptions,
): Promise<Peer> {
  const engine = engineOf(workload)
  engine.assertOpen()
  const checked = checkOptions(messageCheckSchema, options, 'verifyMessageProof')
  const draft: Draft = { type: 'call', side: 'callee', peer: anonymous.id, requestBytes: checked.payload.length }
  try {
    const peer = await judge(engine, { proof, checked, draft })
    draft.peer = peer.id
    draft.authenticatedBy = peer.authenticatedBy
    draft.effect = 'allow'
    return peer
  } catch (error) {
    draft.effect = 'deny'
    takeError(draft, isCountersignError(error) ? error : undefined)
    throw error
  } finally {
    engine.audit.write(draft)
  }
}

interface Delivered {
  readonly proof: Partial<MessageProof>
  readonly checked: MessageCheckOptions
  /** What the trail is told. */
  readonly draft: Draft
}

async function judge(engine: Engine, { proof, checked, draft }: Delivered): Promise<Peer> {
  const { 'workload-identity-token': wit, 'workload-proof-token': wpt } = proof
  // Condition: a message without a proof is refused.
  if (typeof wit !== 'string' || typeof wpt !== 'string') throw new CountersignError('proof-missing')
  const read = readProofToken(wpt)
  draft.callId = callIdOf(read.id)
  // Condition: a proof that does not cover the bytes of its message is refused.
  if (!read.covered.has(DIGEST)) throw new CountersignError('proof-incomplete', { detail: { step: DIGEST } })
  // Condition: a message that is meant for somebody else is refused.
  if (read.audience !== engine.id && checked.audiences?.includes(read.audience) !== true)
    throw new CountersignError('audience-mismatch', { detail: { step: 'audience', expected: engine.id } })
  const token = await engine.tokens.verify(wit, engine.trust.current())
  draft.keyId = token.keyId
  await verifyProofToken(read, {
    token,
    carrier: carrierOf(checked.payload),
    nowSeconds: nowSeconds(engine.clock),
    toleranceSeconds: engine.toleranceSeconds,
    maxLifetimeSeconds: checked.maxLifetimeSeconds ?? DEFAULT_LIFETIME_SECONDS,
  })
  if (checked.once !== false) await claimMessage(engine, token.id.id, read)
  return peerOf(token, 'proof-token')
}

async function claimMessage(engine: Engine, sender: string, { id, expires }: { id: string; expires: number }) {
  const until = (expires + 2 * engine.toleranceSeconds) * 1000
  // Condition: a message that comes a second time is refused.
  if ((await claimOnce(engine.replay, claimName(engine.id, sender, id), until)) !== 'fresh')
    throw new CountersignError('proof-replayed', { detail: { step: 'claim' } })
}

/** A message has no header fields that a proof could be bound to but this one: its own digest, as HTTP writes it. */
function carrierOf(payload: Uint8Array): Carrier {
  return (name) => (name === DIGEST ? andThen(contentDigest(payload), (digest) => [digest]) : [])
}
