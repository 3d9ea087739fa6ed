import { advance } from '../../core/advance.ts'
import { isAtOrBelow } from '../../core/canonical.ts'
import { CountersignError } from '../../core/errors.ts'
import { type MaybePromise, type Steps, steps, wait } from '../../core/maybe-promise.ts'
import type { HttpRequest } from '../../core/message.ts'
import { anonymous, type Peer } from '../../identity/peer.ts'
import { readWorkloadId } from '../../identity/workload-id.ts'
import type { Authenticator, Established } from '../../peer/authenticator.ts'
import { isWorkloadProof, proveSession, proveWorkload } from '../../peer/workload-proof.ts'
import { isSessionProof, type Proof } from '../../signature/proof.ts'
import type { Engine } from '../engine.ts'
import type { OpenSession } from '../sessions.ts'
import { isVouched } from '../vouched.ts'
import type { GuardSettings } from './guard-settings.ts'
import type { Authenticated, Judged, Parsed } from './stages.ts'

/** Finds out who calls: the first way whose evidence is present decides, and nothing falls through to a weaker one. */
export const authenticate = steps(function* (guard: GuardSettings, parsed: Parsed): Steps<Authenticated> {
  const judged = judgedNow(guard.engine)
  for (const authenticator of guard.accept) {
    const found = isWorkloadProof(authenticator)
      ? yield* byWorkloadProof(guard, parsed)
      : yield* byEvidence(authenticator, parsed)
    if (found !== undefined) return advance(advance(parsed, found), { judged })
  }
  return advance(parsed, { peer: anonymous, token: undefined, session: undefined, judged })
})

/** Taken before anything is verified: what changes from now on, changes after it. */
export function judgedNow({ trust, sessions }: Engine): Judged {
  return { generation: trust.current().generation, epoch: sessions?.epoch ?? 0 }
}

type Found = Pick<Authenticated, 'peer' | 'token' | 'session'>

function* byWorkloadProof(guard: GuardSettings, parsed: Parsed): Steps<Found | undefined> {
  const { engine } = guard
  const { proof, request } = parsed
  if (proof === undefined) {
    // Condition: a workload identity token without a proof is refused.
    if (request.fields.has('workload-identity-token'))
      throw new CountersignError('proof-missing', { detail: { step: 'proof' } })
    return undefined
  }
  const found = isSessionProof(proof)
    ? yield* bySession(guard, parsed, proof)
    : yield* bySignature(engine, request, proof)
  checkAudience(guard, parsed, proof.parameters.audience)
  return found
}

function* bySignature(engine: Engine, request: HttpRequest, proof: Proof): Steps<Found> {
  const { tokens, clock, toleranceSeconds } = engine
  const context = { tokens, trust: engine.trust.current(), clock, toleranceSeconds }
  const { peer, token } = yield* wait(proveWorkload(context, request, proof))
  return { peer, token, session: undefined }
}

function* bySession(guard: GuardSettings, parsed: Parsed, proof: Proof): Steps<Found> {
  const { engine } = guard
  const session = engine.sessions?.table.find(proof.parameters.keyid ?? '')
  const isOurs = guard.offersSessions && session !== undefined && isAtOrBelow(session.basePath, parsed.target.path)
  // Condition: a proof of a session that is not open here is refused before the body is read.
  if (!isOurs || !(yield* isAlive(engine, session))) {
    throw new CountersignError('session-unknown', { detail: { step: 'session' } })
  }
  const { keys, holder } = session
  const { request } = parsed
  const proven = yield* wait(proveSession(engine, { request, proof }, { key: keys.clientMac, token: holder.token }))
  return { peer: proven.peer, token: proven.token, session }
}

/** A session ends at once when trust no longer vouches for the caller's token, or ours is vouched for by another key. */
function* isAlive(engine: Engine, { id, holder }: OpenSession): Steps<boolean> {
  // Condition: a session that was opened under a key of ours that was rotated out has ended.
  const isOurKey = (yield* wait(engine.credentials.current())).keyId === holder.ownKeyId
  // Condition: a session of a caller for whose token trust no longer vouches has ended.
  if (isOurKey && (yield* wait(isVouched(engine, holder)))) return true
  engine.sessions?.table.close(id)
  return false
}

function checkAudience(guard: GuardSettings, parsed: Parsed, audience: string | undefined): void {
  const { engine } = guard
  if (audience === engine.id) return
  const isOurs = engine.audiences.some(
    (ours) => audience === new URL(ours).origin + parsed.target.path && covers(ours, audience),
  )
  // Condition: a proof that is addressed to another workload is refused.
  if (!isOurs) {
    throw new CountersignError('audience-mismatch', {
      detail: { step: 'audience', expected: engine.id, received: audience ?? '' },
    })
  }
}

/** A prefix covers a URL at a segment boundary only. */
function covers(prefix: string, url: string): boolean {
  return url === prefix || url.startsWith(prefix.endsWith('/') ? prefix : `${prefix}/`)
}

function* byEvidence(authenticator: Authenticator, parsed: Parsed): Steps<Found | undefined> {
  const { request, arrival } = parsed
  const evidence = {
    method: request.method,
    target: request.target,
    ...(arrival.address === undefined ? {} : { address: arrival.address }),
    header: (name: string) => request.fields.get(name.toLowerCase()),
  }
  const established = yield* attempt(authenticator, () => authenticator.authenticate(evidence))
  return established === undefined
    ? undefined
    : { peer: peerOf(authenticator, established), token: undefined, session: undefined }
}

function* attempt<T>(authenticator: Authenticator, body: () => MaybePromise<T>): Steps<T> {
  try {
    return yield* wait(body())
  } catch (cause) {
    // Condition: evidence that an authenticator of your own calls bad is refused.
    throw new CountersignError('proof-invalid', { cause, detail: { step: authenticator.name } })
  }
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
