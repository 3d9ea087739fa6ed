import { platform } from '#platform'
import { CountersignError, isCountersignError } from '../../core/errors.ts'
import type { Peer } from '../../identity/peer.ts'
import { callIdOf } from '../call-id.ts'
import type { Engine } from '../engine.ts'
import type { HttpAnswer } from '../http-answer.ts'
import { readProblemKind } from '../problem.ts'
import { recordCaller } from './caller-trail.ts'
import { discover } from './discover.ts'
import { open } from './open.ts'
import { seal } from './seal.ts'
import { send } from './send.ts'
import { sign } from './sign.ts'
import type { Resolved, Sealed, Verified } from './stages.ts'
import { verify } from './verify.ts'

/** A verified answer and what the library knows of it. */
export interface CallResult {
  readonly answer: HttpAnswer
  readonly callId: string
  readonly peer: Peer
  readonly sealed: boolean
  readonly url: string
}

/** Whether a call may repeat itself: it changes nothing at the other end. */
export function isSafe({ method }: Pick<Resolved, 'method'>): boolean {
  return method === 'GET' || method === 'HEAD'
}

/** A safe call that was refused for its clock repeats itself once, by the peer's clock. */
export async function attemptByPeerClock(engine: Engine, resolved: Resolved): Promise<CallResult> {
  const before = engine.peers.of(resolved.peer).clockOffsetSeconds
  const result = await attempt(engine, resolved)
  if (!isSafe(resolved) || result.answer.status !== 400) return result
  const shift = Math.abs(engine.peers.of(resolved.peer).clockOffsetSeconds - before)
  const kind = readProblemKind(result.answer.fields.get('content-type'), result.answer.body)
  const isClock = shift > engine.toleranceSeconds && (kind === 'unauthenticated' || resolved.method === 'HEAD')
  return isClock ? attempt(engine, resolved) : result
}

/** Makes one attempt of a call, under a name of its own: exactly one event on this side, whatever happened. */
async function attempt(engine: Engine, resolved: Resolved): Promise<CallResult> {
  const startedAt = platform.monotonicMs()
  let reached: Resolved | Sealed | Verified = resolved
  try {
    const sealed = await seal(engine, resolved, (call) => discover(engine, call, attemptByPeerClock))
    reached = sealed
    const signed = await sign(engine, sealed)
    const received = await send(engine, signed)
    const verified = await verify(engine, received)
    reached = verified
    const answer = await open(engine, verified)
    recordCaller(engine, { reached, startedAt, error: undefined })
    const isSealed =
      verified.observed === undefined && (verified.sealed || verified.answer.fields.has('content-envelope'))
    return { answer, callId: callIdOf(sealed.nonce), peer: verified.from, sealed: isSealed, url: resolved.url.href }
  } catch (cause) {
    recordCaller(engine, { reached, startedAt, error: cause })
    throw 'nonce' in reached ? withCallId(cause, callIdOf(reached.nonce)) : cause
  }
}

function withCallId(cause: unknown, callId: string): unknown {
  if (!isCountersignError(cause)) return cause
  const { code, detail, outcome } = cause
  return new CountersignError(code, {
    cause: cause.cause,
    detail,
    callId,
    ...(outcome === undefined ? {} : { outcome }),
  })
}
