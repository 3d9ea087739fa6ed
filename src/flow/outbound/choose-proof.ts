import { platform } from '#platform'
import { isAtOrBelow } from '../../core/canonical.ts'
import { nowSeconds } from '../../core/clock.ts'
import { CountersignError } from '../../core/errors.ts'
import { andThen, type MaybePromise } from '../../core/maybe-promise.ts'
import { randomNonce } from '../../core/random.ts'
import type { Engine } from '../engine.ts'
import type { ClientSession, Line } from '../line.ts'
import { lineTo } from '../peer-memory.ts'
import { isVouched } from '../vouched.ts'
import { orAborted } from './deadline.ts'
import { type Chosen, createChosen, type Resolved } from './stages.ts'

const LIFETIME_SECONDS = 60
/** A body that can be read once trusts a session that has answered within this time, and no other. */
const FRESH_MS = 60_000

/** Opens a session on a line, or leaves it without one; it never rejects. */
export type Handshake = (call: Resolved, line: Line) => Promise<void>

/** Decides how a call proves itself: by a session where there is one or can be, else by the key of our token. */
export function chooseProof(engine: Engine, call: Resolved, handshake: Handshake): MaybePromise<Chosen> {
  // Condition: a body that streams is not sent with a proof token.
  if (call.options.proof === 'proof-token' && call.source !== undefined) {
    const fix = "send a body that streams with 'signature' or 'session': a proof token does not bind it to the call"
    throw new CountersignError('option-invalid', { detail: { option: 'countersign.proof', fix } })
  }
  const line = lineOf(engine, call)
  const found = line === undefined ? undefined : sessionOn(engine, line, { call, handshake })
  return andThen(found, (session) => named(engine, call, { session, line }))
}

/** Gives the call its name and its times. */
function named(engine: Engine, call: Resolved, by: Pick<Chosen, 'session' | 'line'>): Chosen {
  const { session } = by
  const { clockOffsetSeconds } = engine.peers.of(call.peer)
  const created = nowSeconds(engine.clock) + clockOffsetSeconds
  const name = session === undefined ? randomNonce() : `${session.id}.${++session.counter}`
  const expires = created + LIFETIME_SECONDS
  return createChosen(call, { name, created, expires, clockOffsetSeconds, session, line: by.line })
}

/** Where sessions with the one who is called are kept, if this call may have one. */
function lineOf(engine: Engine, call: Resolved): Line | undefined {
  const { options, basePath, target } = call
  const isPlain = options.audience === undefined && options.dangerouslyAcceptUnboundAnswers !== true
  const isAlone = options.proof !== undefined && options.proof !== 'session'
  if (engine.sessions === undefined || call.isOwn === true || isAlone || !isPlain) return undefined
  // Condition: a call to somewhere else than the base URL of a session is proven by a signature.
  if (!isAtOrBelow(basePath, target.path)) return undefined
  return lineTo(engine.peers.of(call.peer), call.url.origin + basePath)
}

interface Opening {
  readonly call: Resolved
  readonly handshake: Handshake
}

function sessionOn(engine: Engine, line: Line, opening: Opening): MaybePromise<ClientSession | undefined> {
  return andThen(usable(engine, line), (held) => heldOrNew(engine, line, { opening, held }))
}

function heldOrNew(
  engine: Engine,
  line: Line,
  { opening, held }: { readonly opening: Opening; readonly held: ClientSession | undefined },
): MaybePromise<ClientSession | undefined> {
  const { call, handshake } = opening
  const now = platform.monotonicMs()
  const isStale = held !== undefined && isTooOld(call, held)
  const isDue = held === undefined || isStale || now >= held.renewAtMs
  if (!isDue) return held
  // Condition: a body that can be read once is not sent under a session that was silent for a minute.
  if (now < line.retryAfterMs) return isStale ? undefined : held
  line.handshake ??= handshake(call, line).finally(() => {
    line.handshake = undefined
  })
  // While the old session holds, nobody waits for the new one.
  if (held !== undefined && !isStale) return held
  return andThen(orAborted(line.handshake, call.signal), () =>
    andThen(usable(engine, line), (made) => (made !== undefined && isTooOld(call, made) ? undefined : made)),
  )
}

/** The peer may have forgotten it, and this call could not be made again. */
function isTooOld({ source }: Resolved, session: ClientSession): boolean {
  return source !== undefined && platform.monotonicMs() - session.answeredMs > FRESH_MS
}

/** The session of a line, if nothing has ended it. */
function usable(engine: Engine, line: Line): MaybePromise<ClientSession | undefined> {
  const { session } = line
  if (session === undefined) return undefined
  return andThen(engine.credentials.current(), ({ keyId }) => {
    // Condition: no call is made under a session that was opened under a key of ours that was rotated out.
    const isOurs = !isOver(engine, session) && keyId === session.ownKeyId
    // Condition: no call is made under a session with a peer for whose token trust no longer vouches.
    return andThen(isOurs && isVouched(engine, session), (good) => {
      if (good) return session
      if (line.session === session) line.session = undefined
      return undefined
    })
  })
}

function isOver(engine: Engine, session: ClientSession): boolean {
  // Condition: no call is made under a session that is over by either clock, or has no counter left.
  const isLate = engine.clock.now() >= session.expiresAt || platform.monotonicMs() >= session.endsAtMs
  return isLate || session.counter >= Number.MAX_SAFE_INTEGER
}
