import { platform } from '#platform'
import { nowSeconds } from '../../core/clock.ts'
import { CountersignError, isCountersignError } from '../../core/errors.ts'
import { type MaybePromise, type Steps, steps, wait } from '../../core/maybe-promise.ts'
import type { Peer } from '../../identity/peer.ts'
import { isSessionProof } from '../../signature/proof.ts'
import { callIdOf } from '../call-id.ts'
import type { Engine } from '../engine.ts'
import type { HttpAnswer } from '../http-answer.ts'
import { type ClientSession, giveUp, type Line } from '../line.ts'
import { readProblemKind } from '../problem.ts'
import { recordCaller } from './caller-trail.ts'
import { chooseProof } from './choose-proof.ts'
import { discover } from './discover.ts'
import { handshake } from './handshake.ts'
import { open } from './open.ts'
import { seal } from './seal.ts'
import { send } from './send.ts'
import { sign } from './sign.ts'
import type { Chosen, Resolved, Sealed, Verified } from './stages.ts'
import { verify } from './verify.ts'

const MAX_LOST = 3

/** A verified answer and what the library knows of it. */
export interface CallResult {
  readonly answer: HttpAnswer
  readonly callId: string
  readonly peer: Peer
  readonly sealed: boolean
  readonly url: string
  /** How the call went. */
  readonly call: Verified
}

/** Whether a call may repeat itself: it changes nothing at the other end. */
export function isSafe({ method }: Pick<Resolved, 'method'>): boolean {
  return method === 'GET' || method === 'HEAD'
}

/** A safe call, or one of the library's own, that was refused for its clock repeats itself once, by the peer's clock. */
export const attemptByPeerClock = steps(function* (engine: Engine, resolved: Resolved): Steps<CallResult> {
  const before = engine.peers.of(resolved.peer).clockOffsetSeconds
  const result = yield* attempt(engine, resolved)
  if (!(isSafe(resolved) || resolved.isOwn === true) || result.answer.status !== 400) return result
  const shift = Math.abs(engine.peers.of(resolved.peer).clockOffsetSeconds - before)
  const kind = kindOf(result)
  const isClock = shift > engine.toleranceSeconds && (kind === 'unauthenticated' || resolved.method === 'HEAD')
  return isClock ? yield* attempt(engine, resolved) : result
})

/** Makes a call; where the peer has forgotten the session, once more with a signature. */
function* attempt(engine: Engine, resolved: Resolved): Steps<CallResult> {
  const openSession = (call: Resolved, line: Line) => handshake(engine, { call, line }, attemptByPeerClock)
  const choose = () => chooseProof(engine, resolved, openSession)
  const first = yield* exchange(engine, resolved, { choose, wasSent: false })
  const { session, line } = first.call
  if (session === undefined || line === undefined) return first
  if (!isSessionUnknown(first)) {
    line.lost = 0
    return first
  }
  lose(line, session)
  const { name, created, expires, clockOffsetSeconds } = first.call
  // Condition: a call whose session the peer has forgotten is made again only while the lost one has not expired.
  if (expires <= nowSeconds(engine.clock) + clockOffsetSeconds) return first
  // The same name and times: whichever of the two arrives first, the other one meets its claim.
  const again: Chosen = { ...resolved, name, created, expires, clockOffsetSeconds, line, session: undefined }
  return yield* exchange(engine, resolved, { choose: () => again, wasSent: true })
}

/** Only who was called can say so, by a signature that is bound to this call. */
function isSessionUnknown(result: CallResult): boolean {
  const { answerProof, method } = result.call
  const isRefused = result.answer.status === 400 && answerProof !== undefined && !isSessionProof(answerProof)
  // An answer to HEAD has no body that could say why.
  return isRefused && (method === 'HEAD' || kindOf(result) === 'session-unknown')
}

function kindOf({ answer }: CallResult): string | undefined {
  return readProblemKind(answer.fields.get('content-type'), answer.body)
}

/** A session is lost once, however many calls were under way. */
function lose(line: Line, session: ClientSession): void {
  if (line.session !== session) return
  line.session = undefined
  line.lost++
  // Condition: three sessions lost in a row mean signatures for five minutes.
  if (line.lost >= MAX_LOST) giveUp(line, platform.monotonicMs())
}

interface Way {
  choose(): MaybePromise<Chosen>
  /** Whether the call may have reached the peer already, under this name. */
  readonly wasSent: boolean
}

/** Makes one exchange of a call, under a name of its own: exactly one event on this side, whatever happened. */
function* exchange(engine: Engine, resolved: Resolved, way: Way): Steps<CallResult> {
  const startedAt = platform.monotonicMs()
  let reached: Resolved | Chosen | Sealed | Verified = resolved
  let isSent = way.wasSent
  try {
    const chosen = yield* wait(way.choose())
    reached = chosen
    const sealed = yield* wait(seal(engine, chosen, (call) => discover(engine, call, attemptByPeerClock)))
    reached = sealed
    const signed = yield* wait(sign(engine, sealed))
    isSent = true
    const received = yield* wait(send(engine, signed))
    const verified = yield* wait(verify(engine, received))
    reached = verified
    const answer = yield* wait(open(engine, verified))
    const callId = callIdOf(sealed.name)
    recordCaller(engine, { reached, startedAt, error: undefined, callId })
    const isSealed =
      verified.observed === undefined && (verified.sealed || verified.answer.fields.has('content-envelope'))
    return { answer, callId, peer: verified.from, sealed: isSealed, url: resolved.url.href, call: verified }
  } catch (cause) {
    const error = explained(cause, { isSent, name: 'name' in reached ? reached.name : undefined })
    recordCaller(engine, { reached, startedAt, error })
    throw error
  }
}

/** Says which call it was, and whether it can have run: certainly not where nothing was sent. */
function explained(cause: unknown, { isSent, name }: { isSent: boolean; name: string | undefined }): unknown {
  if (!isCountersignError(cause)) return cause
  const { code, detail } = cause
  return new CountersignError(code, {
    cause: cause.cause,
    detail,
    callId: name === undefined ? undefined : callIdOf(name),
    outcome: isSent ? 'unknown' : 'not-run',
  })
}
