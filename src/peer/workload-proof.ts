import { type Clock, nowSeconds } from '../core/clock.ts'
import { CountersignError, isCountersignError } from '../core/errors.ts'
import { andThen, type MaybePromise, orElse } from '../core/maybe-promise.ts'
import type { Fields, HttpRequest } from '../core/message.ts'
import type { MacKey } from '../crypto/primitives.ts'
import type { Peer } from '../identity/peer.ts'
import {
  checkFreshness,
  checkRequestCoverage,
  type Proof,
  proofBase,
  proofText,
  verifyMac,
  verifyProof,
} from '../signature/proof.ts'
import { rememberShape } from '../signature/quick-proof.ts'
import { createTokenProof } from '../signature/token-proof.ts'
import { PROOF_TOKEN, readProofToken, verifyProofToken } from '../token/proof-token.ts'
import type { TokenVerifier, VerifiedToken } from '../token/verify-wit.ts'
import type { Trust } from '../trust/trust.ts'
import type { Authenticator } from './authenticator.ts'

/** The proofs of a workload that a guard may accept. */
export type WorkloadProofName = 'session' | 'signature' | 'proof-token'

const NAMES: readonly string[] = ['session', 'signature', 'proof-token']

const PROOFS = Symbol('countersign.workload-proof')
/** As long as a signature may live. */
const MAX_PROOF_TOKEN_SECONDS = 300

/** An authenticator the engine serves itself: it needs the whole message, not only evidence. */
export interface WorkloadProofAuthenticator extends Authenticator {
  readonly [PROOFS]: readonly WorkloadProofName[]
}

/**
 * Accepts calls of workloads that prove who they are: a workload identity token with an HTTP message signature by the
 * key in it, or the keys of a session that was opened by such a call. It proves sender, method, target, body, the
 * covered fields, freshness and that the call is meant for this workload. It does not prove that the caller may make the
 * call: that is the policy's.
 *
 * `'proof-token'` is for callers that speak only tokens (draft-ietf-wimse-wpt) and has to be listed: such a token proves
 * the sender, that the call is meant for this workload, its freshness and the other tokens that come with it. It proves
 * neither method, target, fields nor body: who stands on the way may change them. A rule can ask for more with
 * `"authenticatedBy": ["signature", "session"]`.
 *
 * @param proofs the proofs to accept; `'session'` and `'signature'` by default. `'signature'` alone offers no sessions.
 * @throws `option-invalid` for an unknown proof, and for sessions without the signatures that open them
 * @example
 * app.use(guard(ledger, { policy, accept: [workloadProof()] }))
 * @see draft-ietf-wimse-http-signature §3
 */
export function workloadProof(...proofs: WorkloadProofName[]): Authenticator {
  const accepted: readonly WorkloadProofName[] = proofs.length === 0 ? ['session', 'signature'] : [...proofs]
  const isKnown = accepted.every((proof) => NAMES.includes(proof))
  // Condition: a guard that would accept sessions and not the signatures that open them is refused.
  if (!isKnown || (accepted.includes('session') && !accepted.includes('signature'))) {
    const fix = "list 'signature', 'proof-token', or 'session' with 'signature': sessions are opened by signatures"
    throw new CountersignError('option-invalid', { detail: { option: 'workloadProof', fix } })
  }
  const authenticator: WorkloadProofAuthenticator = {
    name: 'workload',
    [PROOFS]: Object.freeze(accepted),
    authenticate: () => undefined,
  }
  return Object.freeze(authenticator)
}

/** Whether this way to authenticate takes the proofs of sessions. */
export function acceptsSessions(authenticator: Authenticator): boolean {
  return accepts(authenticator, 'session')
}

/** Whether this way to authenticate takes a proof of this kind. */
export function accepts(authenticator: { readonly name: string }, proof: WorkloadProofName): boolean {
  return isWorkloadProof(authenticator) && authenticator[PROOFS].includes(proof)
}

/** Tells whether the engine serves this authenticator itself. */
export function isWorkloadProof(authenticator: { readonly name: string }): authenticator is WorkloadProofAuthenticator {
  return PROOFS in authenticator
}

/** What is needed to judge a workload's proof. */
export interface ProofContext {
  readonly tokens: TokenVerifier
  readonly trust: Trust
  readonly clock: Clock
  readonly toleranceSeconds: number
}

/** A proof that held, with the token behind it. */
export interface ProvenWorkload {
  readonly peer: Peer
  readonly token: VerifiedToken
}

/** Verifies the token, then the signature over the headers. The audience, replay and the body are later steps. */
export function proveWorkload(context: ProofContext, request: HttpRequest, proof: Proof): MaybePromise<ProvenWorkload> {
  const value = request.fields.get('workload-identity-token')
  // Condition: a signed request without a workload identity token is refused.
  if (value === undefined) throw new CountersignError('token-missing', { detail: { step: 'token' } })
  return andThen(context.tokens.verify(value, context.trust), (token) => {
    const verified = naming(token, () => {
      checkFresh(context, proof)
      checkRequestCoverage(proof, request)
      return verifyProof(proof, proofBase(proof, request), token.proofKey)
    })
    return andThen(verified, () => ({ peer: peerOf(token, 'signature'), token }))
  })
}

/** Reads the proof token of a request; undefined where it has none. It proves nothing yet. */
export function readTokenProof(fields: Fields): Proof | undefined {
  const values = fields.all(PROOF_TOKEN)
  const [text] = values
  if (text === undefined) return undefined
  // Condition: a request with two proof tokens is refused.
  if (values.length > 1) throw new CountersignError('proof-ambiguous', { detail: { step: PROOF_TOKEN } })
  const { audience, expires, id, covered, isOfMessage } = readProofToken(text)
  // Condition: a proof token that was made for a message proves no call.
  if (isOfMessage) throw new CountersignError('proof-incomplete', { detail: { step: 'msg' } })
  return createTokenProof({ audience, created: expires - MAX_PROOF_TOKEN_SECONDS, expires, id, covered })
}

/** Verifies the identity token, then the proof token that came with it. The audience and replay are later steps. */
export function proveByToken(context: ProofContext, { fields }: HttpRequest): MaybePromise<ProvenWorkload> {
  const value = fields.get('workload-identity-token')
  // Condition: a proof token without a workload identity token is refused.
  if (value === undefined) throw new CountersignError('token-missing', { detail: { step: 'token' } })
  const proof = readProofToken(fields.get(PROOF_TOKEN) ?? '')
  return andThen(context.tokens.verify(value, context.trust), (token) => {
    const { clock, toleranceSeconds } = context
    const bounds = { nowSeconds: nowSeconds(clock), toleranceSeconds, maxLifetimeSeconds: MAX_PROOF_TOKEN_SECONDS }
    const carrier = (name: string) => fields.all(name)
    const verified = naming(token, () => verifyProofToken(proof, { token, carrier, ...bounds }))
    return andThen(verified, () => ({ peer: peerOf(token, 'proof-token'), token }))
  })
}

/** Verifies the MAC of a session over the headers: who opened the session, has sent this. */
export function proveSession(
  context: Omit<ProofContext, 'tokens' | 'trust'>,
  message: { readonly request: HttpRequest; readonly proof: Proof },
  session: { readonly key: MacKey; readonly token: VerifiedToken },
): MaybePromise<void> {
  const { request, proof } = message
  return naming(session.token, () => {
    checkFresh(context, proof)
    checkRequestCoverage(proof, request)
    return andThen(verifyMac(proof, proofText(proof, request), session.key), () => rememberShape(proof, 'request'))
  })
}

function checkFresh({ clock, toleranceSeconds }: Omit<ProofContext, 'tokens' | 'trust'>, { parameters }: Proof): void {
  checkFreshness(parameters, { now: nowSeconds(clock), toleranceSeconds })
}

/** Whose key vouched for the token is known by now: the trail is told. */
function naming({ keyId }: VerifiedToken, body: () => MaybePromise<void>): MaybePromise<void> {
  return orElse(body, (cause) => {
    if (!isCountersignError(cause)) throw cause
    throw new CountersignError(cause.code, { cause, detail: { ...cause.detail, keyId } })
  })
}

/** The peer a verified token names, once its key, or a session that its key opened, has proven itself. */
export function peerOf(token: VerifiedToken, authenticatedBy: WorkloadProofName): Peer {
  return Object.freeze({
    id: token.id.id,
    authenticatedBy,
    trustDomain: token.id.trustDomain,
    scopes: [],
    claims: token.claims,
    also: [],
  })
}
