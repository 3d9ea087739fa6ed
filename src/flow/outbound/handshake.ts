import { platform } from '#platform'
import type { MaybePromise } from '../../core/maybe-promise.ts'
import { peerOf } from '../../peer/workload-proof.ts'
import { createHalf } from '../../session/agreement.ts'
import { deriveSessionKeys } from '../../session/derive.ts'
import { encodeOffer, readGrant, type SessionGrant } from '../../session/handshake.ts'
import { proofBase } from '../../signature/proof.ts'
import type { VerifiedToken } from '../../token/verify-wit.ts'
import { SESSION_PATH } from '../discovery-path.ts'
import type { Engine } from '../engine.ts'
import type { HttpAnswer } from '../http-answer.ts'
import { type ClientSession, giveUp, type Line } from '../line.ts'
import { createDeadline } from './deadline.ts'
import { knowsForMs } from './discover.ts'
import { type OwnRequest, ownCall } from './own-call.ts'
import type { Resolved, Verified } from './stages.ts'

const OFFER: OwnRequest = { path: SESSION_PATH, method: 'POST', fields: ['content-type', 'application/json'] }
const CURVE = 'P-256'
const PATIENCE_MS = 5_000
/** The next session is opened after this share of the life of the one before. */
const RENEW_AT = 0.8

/** The call a handshake is made with: given, because it is the attempt of a call that needs the handshake. */
export type Exchange = (
  engine: Engine,
  call: Resolved,
) => MaybePromise<{ readonly answer: HttpAnswer; readonly call: Verified }>

/**
 * Opens a session and puts it on the line. Whatever fails, calls go on with signatures for five minutes: a handshake that
 * is lost or forged takes nothing away from the proof or the sealing of a call.
 */
export async function handshake(
  engine: Engine,
  { call, line }: { readonly call: Resolved; readonly line: Line },
  exchange: Exchange,
): Promise<void> {
  // One caller's abort is not another's, and a handshake nobody answers does not keep them all waiting.
  const deadline = createDeadline(undefined, PATIENCE_MS)
  try {
    const session = await openSession(engine, { ...ownCall(call, OFFER), signal: deadline.signal }, exchange)
    // Condition: a handshake without a session at its end means signatures for five minutes.
    if (session === undefined) giveUp(line, platform.monotonicMs())
    else line.session = session
  } catch {
    giveUp(line, platform.monotonicMs())
  } finally {
    deadline.clear()
  }
}

async function openSession(engine: Engine, call: Resolved, exchange: Exchange): Promise<ClientSession | undefined> {
  const epoch = engine.sessions?.epoch
  const startedMs = platform.monotonicMs()
  // A version of trust that comes while the peer is asked asks again at the first call.
  const { generation } = engine.trust.current()
  const half = await createHalf(CURVE)
  const { answer, call: made } = await exchange(engine, { ...call, body: encodeOffer(half.jwk) })
  const grant = answer.status === 200 && answer.body !== undefined ? readGrant(answer.body, CURVE) : undefined
  const { answerProof, token } = made
  if (grant === undefined || answerProof === undefined || token === undefined) return undefined
  learn(engine, call.peer, grant)
  const secret = await half.agree(grant)
  // Condition: a session whose halves yield no secret is not used.
  if (secret === undefined) return undefined
  const keys = await deriveSessionKeys({
    secret,
    requestBase: proofBase(made.proof, made.request),
    answerBase: proofBase(answerProof, made.answer, made.request),
  })
  // Condition: a session that was being opened while sessions were ended by hand is not used.
  if (engine.sessions?.epoch !== epoch) return undefined
  const bounds = await boundsOf(engine, { grant, token, startedMs })
  const peer = peerOf(token, 'session')
  return {
    id: grant.id,
    keys,
    peer,
    token,
    generation,
    isEnded: false,
    answeredMs: platform.monotonicMs(),
    counter: 0,
    ...bounds,
  }
}

/** A verified handshake tells what discovery would have told. */
function learn(engine: Engine, peer: string, { seal }: SessionGrant): void {
  const known = engine.peers.of(peer)
  if (seal) known.demandsSeal = true
  known.discoverAfterMs = knowsForMs()
}

async function boundsOf(
  engine: Engine,
  { grant, token, startedMs }: { grant: SessionGrant; token: VerifiedToken; startedMs: number },
): Promise<Pick<ClientSession, 'ownKeyId' | 'expiresAt' | 'endsAtMs' | 'renewAtMs'>> {
  const own = await engine.credentials.current()
  const now = engine.clock.now()
  // Condition: a session ends no later than either token.
  const expiresAt = Math.min(now + grant.expiresIn * 1000, token.expiresAt, own.expiresAt)
  return {
    ownKeyId: own.keyId,
    expiresAt,
    endsAtMs: startedMs + grant.expiresIn * 1000,
    renewAtMs: startedMs + (expiresAt - now) * RENEW_AT,
  }
}
