import { CountersignError } from '../../core/errors.ts'
import { Fields } from '../../core/message.ts'
import { randomNonce } from '../../core/random.ts'
import { peerOf } from '../../peer/workload-proof.ts'
import { createHalf } from '../../session/agreement.ts'
import { deriveSessionKeys } from '../../session/derive.ts'
import { encodeGrant, MAX_HANDSHAKE_BYTES, readOffer, type Share } from '../../session/handshake.ts'
import type { PendingSession } from '../../session/server-session.ts'
import { Window } from '../../session/window.ts'
import type { VerifiedToken } from '../../token/verify-wit.ts'
import type { SessionHolder, Sessions } from '../sessions.ts'
import type { Opening, OwnAnswer } from './admission.ts'
import type { GuardSettings } from './guard-settings.ts'
import { read } from './read.ts'
import type { Claimed } from './stages.ts'

/** Answers an offer: the session is there once the answer is signed, because its keys follow from both signatures. */
export async function answerHandshake(guard: GuardSettings, call: Claimed): Promise<OwnAnswer> {
  const { engine } = guard
  const { sessions } = engine
  const { token } = call
  // Condition: a session is opened by a signature and by no other proof.
  const isSigned = token !== undefined && call.session === undefined && call.peer.authenticatedBy === 'signature'
  if (sessions === undefined || !isSigned) {
    throw new CountersignError('proof-missing', { detail: { step: 'session' } })
  }
  checkLimits(sessions, token)
  const share = await readShare(guard, call)
  const half = await createHalf(share.curve)
  const secret = await half.agree(share)
  // Condition: an offer that yields no shared secret is refused.
  if (secret === undefined) throw malformed('kex')
  const own = await engine.credentials.current()
  const id = randomNonce()
  const expiresIn = lifetimeOf(guard, { sessions, token, ownExpiry: own.expiresAt })
  const complete = openTable(sessions, call, {
    id,
    peer: call.peer.id,
    instance: token.proofKeyId,
    basePath: guard.strippedPrefix + call.arrival.mountPath,
    window: new Window(),
    // A version of trust that came since the caller was judged asks again at the first call.
    holder: { peer: peerOf(token, 'session'), token, generation: call.judged.generation, ownKeyId: own.keyId },
    expiresAt: engine.clock.now() + expiresIn * 1000,
  })
  const opening: Opening = async ({ requestBase, answerBase }) =>
    complete(await deriveSessionKeys({ secret, requestBase, answerBase }))
  const body = encodeGrant({ id, kex: half.jwk, expiresIn, seal: guard.demandsSealing() })
  return { response: { status: 200, fields: new Fields(['Content-Type', 'application/json']), body }, opening }
}

function openTable(sessions: Sessions, { judged }: Claimed, session: PendingSession<SessionHolder>) {
  // Condition: a session that was being opened while sessions were ended by hand is not taken in.
  if (sessions.epoch !== judged.epoch) throw limited('ended')
  const complete = sessions.table.open(session)
  // Condition: callers that ask for the last room at once do not all get it.
  if (complete === undefined) throw limited('room')
  return complete
}

function lifetimeOf(
  { engine }: GuardSettings,
  { sessions, token, ownExpiry }: { sessions: Sessions; token: VerifiedToken; ownExpiry: number },
): number {
  const now = engine.clock.now()
  const expiresAt = Math.min(now + sessions.lifetimeSeconds * 1000, token.expiresAt, ownExpiry)
  const seconds = Math.floor((expiresAt - now) / 1000)
  // Condition: a caller whose token has expired, within the tolerance, opens no session.
  if (seconds < 1) throw new CountersignError('token-expired', { detail: { step: 'session' } })
  return seconds
}

function checkLimits({ table, handshakes }: Sessions, { id, proofKeyId }: VerifiedToken): void {
  // Condition: an identity that opens more sessions in a minute than it may is refused.
  if (!handshakes.take(id.id)) throw limited('rate')
  // Condition: a caller for whom there is no room is refused, and nobody else's session ends for it.
  if (!table.hasRoom(id.id, proofKeyId)) throw limited('room')
}

async function readShare(guard: GuardSettings, call: Claimed): Promise<Share> {
  // Condition: an offer that is sealed or not JSON is refused.
  if (call.announced.sealed || call.announced.contentType !== 'application/json') throw malformed('content-type')
  const unjudged = { ...call, decision: Object.freeze({ effect: 'allow' as const }), sealAnswer: false }
  const { bytes } = await read({ ...guard, maxBodyBytes: MAX_HANDSHAKE_BYTES }, unjudged)
  const share = bytes === undefined ? undefined : readOffer(bytes)
  // Condition: an offer without a public key on P-256 or X25519 is refused.
  if (share === undefined) throw malformed('offer')
  return share
}

function limited(step: string): CountersignError {
  return new CountersignError('session-limited', { detail: { step } })
}

function malformed(step: string): CountersignError {
  return new CountersignError('session-malformed', { detail: { step } })
}
