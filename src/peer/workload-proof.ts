import { type Clock, nowSeconds } from '../core/clock.ts'
import { CountersignError, isCountersignError } from '../core/errors.ts'
import { andThen, type MaybePromise, orElse } from '../core/maybe-promise.ts'
import type { HttpRequest } from '../core/message.ts'
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
import type { TokenVerifier, VerifiedToken } from '../token/verify-wit.ts'
import type { Trust } from '../trust/trust.ts'
import type { Authenticator } from './authenticator.ts'

/** The proofs of a workload that a guard may accept. */
export type WorkloadProofName = 'session' | 'signature'

const NAMES: readonly string[] = ['session', 'signature']

const PROOFS = Symbol('countersign.workload-proof')

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
 * @param proofs the proofs to accept; all by default. `'signature'` alone offers no sessions.
 * @throws `option-invalid` for an unknown proof, and for sessions without the signatures that open them
 * @example
 * app.use(guard(ledger, { policy, accept: [workloadProof()] }))
 * @see draft-ietf-wimse-http-signature §3
 */
export function workloadProof(...proofs: WorkloadProofName[]): Authenticator {
  const accepted: readonly WorkloadProofName[] = proofs.length === 0 ? ['session', 'signature'] : [...proofs]
  const isKnown = accepted.every((proof) => NAMES.includes(proof))
  // Condition: a guard that would accept sessions and not the signatures that open them is refused.
  if (!isKnown || !accepted.includes('signature')) {
    const fix = "list 'signature', or 'session' and 'signature': sessions are opened by signatures"
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
  return isWorkloadProof(authenticator) && authenticator[PROOFS].includes('session')
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
