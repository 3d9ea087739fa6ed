import { platform } from '#platform'
import { advance } from '../../core/advance.ts'
import { isAtOrBelow } from '../../core/canonical.ts'
import { nowSeconds } from '../../core/clock.ts'
import { type Steps, steps, wait } from '../../core/maybe-promise.ts'
import { randomNonce } from '../../core/random.ts'
import type { Engine } from '../engine.ts'
import type { ClientSession, Line } from '../line.ts'
import { lineTo } from '../peer-memory.ts'
import { isVouched } from '../vouched.ts'
import { orAborted } from './deadline.ts'
import type { Chosen, Resolved } from './stages.ts'

const LIFETIME_SECONDS = 60

/** Opens a session on a line, or leaves it without one; it never rejects. */
export type Handshake = (call: Resolved, line: Line) => Promise<void>

/** Decides how a call proves itself: by a session where there is one or can be, else by the key of our token. */
export const chooseProof = steps(function* (engine: Engine, call: Resolved, handshake: Handshake): Steps<Chosen> {
  const line = lineOf(engine, call)
  const session = line === undefined ? undefined : yield* sessionOn(engine, line, { call, handshake })
  const { clockOffsetSeconds } = engine.peers.of(call.peer)
  const created = nowSeconds(engine.clock) + clockOffsetSeconds
  const name = session === undefined ? randomNonce() : `${session.id}.${++session.counter}`
  const expires = created + LIFETIME_SECONDS
  // A value of its own: the call as it was resolved may be made again.
  return advance(advance({}, call), { name, created, expires, clockOffsetSeconds, session, line })
})

/** Where sessions with the one who is called are kept, if this call may have one. */
function lineOf(engine: Engine, call: Resolved): Line | undefined {
  const { options, basePath, target } = call
  const isPlain = options.audience === undefined && options.dangerouslyAcceptUnboundAnswers !== true
  if (engine.sessions === undefined || call.isOwn === true || options.proof === 'signature' || !isPlain)
    return undefined
  // Condition: a call to somewhere else than the base URL of a session is proven by a signature.
  if (!isAtOrBelow(basePath, target.path)) return undefined
  return lineTo(engine.peers.of(call.peer), call.url.origin + basePath)
}

function* sessionOn(
  engine: Engine,
  line: Line,
  { call, handshake }: { call: Resolved; handshake: Handshake },
): Steps<ClientSession | undefined> {
  const held = yield* usable(engine, line)
  const now = platform.monotonicMs()
  const isDue = held === undefined || now >= held.renewAtMs
  if (!isDue || now < line.retryAfterMs) return held
  line.handshake ??= handshake(call, line).finally(() => {
    line.handshake = undefined
  })
  // While the old session holds, nobody waits for the new one.
  if (held !== undefined) return held
  yield* wait(orAborted(line.handshake, call.signal))
  return yield* usable(engine, line)
}

/** The session of a line, if nothing has ended it. */
function* usable(engine: Engine, line: Line): Steps<ClientSession | undefined> {
  const { session } = line
  if (session === undefined) return undefined
  const own = yield* wait(engine.credentials.current())
  // Condition: no call is made under a session that is over by either clock, or has no counter left.
  const isOver =
    engine.clock.now() >= session.expiresAt ||
    platform.monotonicMs() >= session.endsAtMs ||
    session.counter >= Number.MAX_SAFE_INTEGER
  // Condition: no call is made under a session that was opened under a key of ours that was rotated out.
  const isOurKey = own.keyId === session.ownKeyId
  // Condition: no call is made under a session with a peer for whose token trust no longer vouches.
  if (!isOver && isOurKey && (yield* wait(isVouched(engine, session)))) return session
  if (line.session === session) line.session = undefined
  return undefined
}
