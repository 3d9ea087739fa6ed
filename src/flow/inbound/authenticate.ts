import { advance } from '../../core/advance.ts'
import { isAtOrBelow } from '../../core/canonical.ts'
import { CountersignError } from '../../core/errors.ts'
import { andThen, type MaybePromise, orElse, settle } from '../../core/maybe-promise.ts'
import type { HttpRequest } from '../../core/message.ts'
import { anonymous, type Peer } from '../../identity/peer.ts'
import { readWorkloadId } from '../../identity/workload-id.ts'
import { type Authenticator, type Established, isBound } from '../../peer/authenticator.ts'
import { isOurs } from '../../peer/own-url.ts'
import {
  accepts,
  isWorkloadProof,
  type ProvenWorkload,
  proveByToken,
  proveSession,
  proveWorkload,
} from '../../peer/workload-proof.ts'
import { isSessionProof, type Proof } from '../../signature/proof.ts'
import { isTokenProof } from '../../signature/token-proof.ts'
import type { Engine } from '../engine.ts'
import type { OpenSession } from '../sessions.ts'
import { isVouched } from '../vouched.ts'
import { evidenceOf, ownEvidenceOf } from './evidence.ts'
import type { GuardSettings } from './guard-settings.ts'
import type { Authenticated, Judged, Parsed } from './stages.ts'
import type { Way } from './ways.ts'

/** Finds out who calls: the first way whose evidence is present decides, and nothing falls through to a weaker one. */
export function authenticate(guard: GuardSettings, parsed: Parsed): MaybePromise<Authenticated> {
  const judged = judgedNow(guard.engine)
  return andThen(find(guard, parsed, 0), ({ peer, token, session }) => {
    if (token !== undefined) guard.engine.proven.note(peer.id)
    return advance(parsed, { peer, token, session, judged })
  })
}

const NOBODY: Found = Object.freeze({ peer: anonymous, token: undefined, session: undefined })

function find(guard: GuardSettings, parsed: Parsed, index: number): MaybePromise<Found> {
  const authenticator = guard.accept[index]
  if (authenticator === undefined) return NOBODY
  const found = isWorkloadProof(authenticator)
    ? byWorkloadProof(guard, parsed, authenticator)
    : byEvidence(guard, authenticator, parsed)
  return andThen(found, (known) => known ?? find(guard, parsed, index + 1))
}

/** Taken before anything is verified: what changes from now on, changes after it. */
export function judgedNow({ trust, sessions }: Engine): Judged {
  return { generation: trust.current().generation, epoch: sessions?.epoch ?? 0 }
}

type Found = Pick<Authenticated, 'peer' | 'token' | 'session'>

function byWorkloadProof(guard: GuardSettings, parsed: Parsed, way: Way): MaybePromise<Found | undefined> {
  const { proof, request } = parsed
  if (proof === undefined) {
    // Condition: a workload identity token without a proof is refused.
    if (request.fields.has('workload-identity-token'))
      throw new CountersignError('proof-missing', { detail: { step: 'proof' } })
    return undefined
  }
  const found = isSessionProof(proof) ? bySession(guard, parsed, proof) : byToken(guard.engine, { request, proof, way })
  return andThen(found, (known) => {
    checkAudience(guard, parsed, proof.parameters.audience)
    return known
  })
}

interface WithToken {
  readonly request: HttpRequest
  readonly proof: Proof
  readonly way: Way
}

function byToken(engine: Engine, { request, proof, way }: WithToken): MaybePromise<Found> {
  const { tokens, clock, toleranceSeconds } = engine
  const context = { tokens, trust: engine.trust.current(), clock, toleranceSeconds }
  const found = ({ peer, token }: ProvenWorkload): Found => ({ peer, token, session: undefined })
  if (isTokenProof(proof)) return andThen(proveByToken(context, request), found)
  // Condition: a signature is refused where a guard takes proof tokens alone.
  if (!accepts(way, 'signature')) throw new CountersignError('proof-missing', { detail: { step: 'signature' } })
  return andThen(proveWorkload(context, request, proof), found)
}

function bySession(guard: GuardSettings, parsed: Parsed, proof: Proof): MaybePromise<Found> {
  const { engine } = guard
  const session = engine.sessions?.table.find(proof.parameters.keyid ?? '')
  const isOurs = guard.offersSessions && session !== undefined && isAtOrBelow(session.basePath, parsed.target.path)
  // Condition: a proof of a session that is not open here is refused before the body is read.
  if (!isOurs) throw sessionUnknown()
  return andThen(isAlive(engine, session), (alive) => {
    if (!alive) throw sessionUnknown()
    const { peer, token } = session.holder
    const proven = proveSession(engine, { request: parsed.request, proof }, { key: session.keys.clientMac, token })
    return andThen(proven, () => ({ peer, token, session }))
  })
}

function sessionUnknown(): CountersignError {
  return new CountersignError('session-unknown', { detail: { step: 'session' } })
}

/** A session ends at once when trust no longer vouches for the caller's token, or ours is vouched for by another key. */
function isAlive(engine: Engine, { id, holder }: OpenSession): MaybePromise<boolean> {
  const isHeld = andThen(
    engine.credentials.current(),
    // Condition: a session that was opened under a key of ours that was rotated out has ended.
    // Condition: a session of a caller for whose token trust no longer vouches has ended.
    ({ keyId }) => keyId === holder.ownKeyId && isVouched(engine, holder),
  )
  return andThen(isHeld, (held) => {
    if (!held) engine.sessions?.table.close(id)
    return held
  })
}

function checkAudience(guard: GuardSettings, parsed: Parsed, audience: string | undefined): void {
  const { engine } = guard
  if (audience === engine.id) return
  // Condition: a proof that is addressed to another workload is refused.
  const urls = [...engine.audiences, ...engine.trust.current().originsOf(engine.id)]
  if (!isOurs(urls, parsed.target.path, audience)) {
    throw new CountersignError('audience-mismatch', {
      detail: { step: 'audience', expected: engine.id, received: audience ?? '' },
    })
  }
}

function byEvidence(guard: GuardSettings, authenticator: Way, parsed: Parsed): MaybePromise<Found | undefined> {
  if (isBound(authenticator))
    return andThen(authenticator.authenticate(ownEvidenceOf(guard, parsed)), (peer) => peer && foundOf(peer))
  const asked = orElse(
    () => settle(authenticator.authenticate(evidenceOf(parsed))),
    (cause) => {
      // Condition: evidence that an authenticator of your own calls bad is refused.
      throw badEvidence(authenticator, authenticator.name, cause)
    },
  )
  return andThen(asked, (established) => {
    if (established === undefined) return undefined
    const peer = peerOf(authenticator, established)
    // Condition: whom an authenticator of your own names is refused where trust has revoked the name.
    if (guard.around.isRevoked({ id: peer.id })) throw badEvidence(authenticator, 'revoked')
    return foundOf(peer)
  })
}

function badEvidence({ challenge }: Authenticator, step: string, cause?: unknown): CountersignError {
  const code = challenge === undefined ? 'proof-invalid' : 'authentication-failed'
  return new CountersignError(code, { detail: { step }, ...(cause === undefined ? {} : { cause }) })
}

function foundOf(peer: Peer): Found {
  return { peer, token: undefined, session: undefined }
}

function peerOf(authenticator: Authenticator, established: Established): Peer {
  const { id } = established
  // Condition: an authenticator of your own cannot give the identity of a workload.
  if (
    typeof id !== 'string' ||
    id === '' ||
    id === anonymous.id ||
    readWorkloadId(id) !== undefined ||
    /^(spiffe|wimse):/i.test(id)
  ) {
    throw new CountersignError('proof-invalid', { detail: { step: authenticator.name } })
  }
  return Object.freeze({
    id,
    authenticatedBy: authenticator.name,
    scopes: established.scopes ?? [],
    claims: established.claims ?? {},
    also: [],
  })
}
