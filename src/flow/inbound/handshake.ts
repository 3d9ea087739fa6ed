import { CountersignError } from '../../core/errors.ts'
import { Fields } from '../../core/message.ts'
import { randomNonce } from '../../core/random.ts'
import { createHalf } from '../../session/agreement.ts'
import { deriveSessionKeys } from '../../session/derive.ts'
import { encodeGrant, MAX_HANDSHAKE_BYTES, readOffer, type Share } from '../../session/handshake.ts'
import { Window } from '../../session/window.ts'
import type { VerifiedToken } from '../../token/verify-wit.ts'
import type { Sessions } from '../sessions.ts'
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
  if (sessions === undefined || token === undefined || call.session !== undefined) {
    throw new CountersignError('proof-missing', { detail: { step: 'session' } })
  }
  checkLimits(sessions, token)
  const share = await readShare(guard, call)
  const { expiresAt: ownExpiry, keyId: ownKeyId } = await engine.credentials.current()
  const now = engine.clock.now()
  const expiresAt = Math.min(now + sessions.lifetimeSeconds * 1000, token.expiresAt, ownExpiry)
  const expiresIn = Math.floor((expiresAt - now) / 1000)
  // Condition: a caller whose token has expired, within the tolerance, opens no session.
  if (expiresIn < 1) throw new CountersignError('token-expired', { detail: { step: 'session' } })
  const half = await createHalf(share.curve)
  const secret = await half.agree(share)
  // Condition: an offer that yields no shared secret is refused.
  if (secret === undefined) throw malformed('kex')
  const id = randomNonce()
  const { epoch } = sessions
  const { generation } = engine.trust.current()
  const basePath = guard.strippedPrefix + call.arrival.mountPath
  const opening: Opening = async (bases) => {
    const keys = await deriveSessionKeys({ secret, ...bases })
    const holder = { token, generation, ownKeyId }
    const parties = { peer: call.peer.id, instance: token.proofKeyId, basePath }
    const session = { id, ...parties, keys, window: new Window(), holder, expiresAt: now + expiresIn * 1000 }
    // Condition: a session that was being opened while sessions were ended by hand is not taken in.
    if (sessions.epoch === epoch) sessions.table.open(session)
  }
  const body = encodeGrant({ id, kex: half.jwk, expiresIn, seal: guard.demandsSealing() })
  return { response: { status: 200, fields: new Fields(['Content-Type', 'application/json']), body }, opening }
}

function checkLimits({ table, handshakes }: Sessions, { id, proofKeyId }: VerifiedToken): void {
  // Condition: an identity that opens more sessions in a minute than it may is refused.
  if (!handshakes.take(id.id)) throw new CountersignError('session-limited', { detail: { step: 'rate' } })
  // Condition: a caller for whom there is no room is refused, and nobody else's session ends for it.
  if (!table.hasRoom(id.id, proofKeyId)) throw new CountersignError('session-limited', { detail: { step: 'room' } })
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

function malformed(step: string): CountersignError {
  return new CountersignError('session-malformed', { detail: { step } })
}
