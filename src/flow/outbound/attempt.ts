import { platform } from '#platform'
import { nowSeconds } from '../../core/clock.ts'
import { CountersignError, isCountersignError } from '../../core/errors.ts'
import { andThen, type MaybePromise, orElse } from '../../core/maybe-promise.ts'
import type { Peer } from '../../identity/peer.ts'
import { isSessionProof } from '../../signature/proof.ts'
import { callIdOf } from '../call-id.ts'
import type { Engine } from '../engine.ts'
import type { HttpAnswer } from '../http-answer.ts'
import { type ClientSession, giveUp, type Line } from '../line.ts'
import type { Passage } from '../passage.ts'
import { readProblemKind } from '../problem.ts'
import { type CallerRecord, recordCaller } from './caller-trail.ts'
import { chooseProof } from './choose-proof.ts'
import { discover } from './discover.ts'
import { handshake } from './handshake.ts'
import { type OpenedAnswer, open } from './open.ts'
import { seal } from './seal.ts'
import { send } from './send.ts'
import { sign } from './sign.ts'
import { type Chosen, createChosen, type Reached, type Resolved, type Signed, type Verified } from './stages.ts'
import { verify } from './verify.ts'

const MAX_LOST = 3

/** A verified answer and what the library knows of it. */
export interface CallResult {
  readonly answer: HttpAnswer
  readonly callId: string
  readonly peer: Peer
  readonly sealed: boolean
  readonly url: string
  /** The body, where it comes as a stream: what is known of the call by now, but for that. */
  readonly stream: Passage | undefined
  /** How the call went. */
  readonly call: Verified
}

/** Whether a call may repeat itself: it changes nothing at the other end. */
export function isSafe({ method }: Pick<Resolved, 'method'>): boolean {
  return method === 'GET' || method === 'HEAD'
}

/** A safe call, or one of the library's own, that was refused for its clock repeats itself once, by the peer's clock. */
export function attemptByPeerClock(engine: Engine, resolved: Resolved): MaybePromise<CallResult> {
  const before = engine.peers.of(resolved.peer).clockOffsetSeconds
  return andThen(attempt(engine, resolved), (result) => {
    if (!(isSafe(resolved) || resolved.isOwn === true) || result.answer.status !== 400) return result
    const shift = Math.abs(engine.peers.of(resolved.peer).clockOffsetSeconds - before)
    const kind = kindOf(result)
    const isClock = shift > engine.toleranceSeconds && (kind === 'unauthenticated' || resolved.method === 'HEAD')
    return isClock ? attempt(engine, resolved) : result
  })
}

/** Makes a call; where the peer has forgotten the session, once more with a signature. */
function attempt(engine: Engine, resolved: Resolved): MaybePromise<CallResult> {
  const openSession = (call: Resolved, line: Line) => handshake(engine, { call, line }, attemptByPeerClock)
  const choose = () => chooseProof(engine, resolved, openSession)
  return andThen(exchange(engine, resolved, { choose, wasSent: false }), (first) => {
    const { session, line } = first.call
    if (session === undefined || line === undefined) return first
    if (isSessionUnknown(first)) return again(engine, resolved, { first, session, line })
    line.lost = 0
    session.answeredMs = platform.monotonicMs()
    return first
  })
}

interface Lost {
  readonly first: CallResult
  readonly session: ClientSession
  readonly line: Line
}

function again(engine: Engine, resolved: Resolved, { first, session, line }: Lost): MaybePromise<CallResult> {
  lose(line, session)
  // Condition: a body that can be read once is not sent a second time.
  if (resolved.source !== undefined) return first
  const { name, created, expires, clockOffsetSeconds } = first.call
  // Condition: a call whose session the peer has forgotten is made again only while the lost one has not expired.
  if (expires <= nowSeconds(engine.clock) + clockOffsetSeconds) return first
  // The same name and times: whichever of the two arrives first, the other one meets its claim.
  const chosen = createChosen(resolved, { name, created, expires, clockOffsetSeconds, line, session: undefined })
  return exchange(engine, resolved, { choose: () => chosen, wasSent: true })
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

/** How far an exchange has come, for whoever has to tell of its end. */
interface Progress {
  readonly startedAt: number
  reached: Reached
  isSent: boolean
}

/** Makes one exchange of a call, under a name of its own: exactly one event on this side, whatever happened. */
function exchange(engine: Engine, resolved: Resolved, way: Way): MaybePromise<CallResult> {
  const progress: Progress = { startedAt: platform.monotonicMs(), reached: resolved, isSent: way.wasSent }
  return orElse(
    () => andThen(prepare(engine, way, progress), (signed) => deliver(engine, signed, progress)),
    (cause) => {
      const { reached, startedAt, isSent } = progress
      abandon(reached, cause)
      const error = explained(cause, { isSent, name: reached.name })
      recordCaller(engine, { reached, startedAt, error })
      throw error
    },
  )
}

/** All that is done to a call before it leaves. */
function prepare(engine: Engine, way: Way, progress: Progress): MaybePromise<Signed> {
  return andThen(way.choose(), (chosen) => {
    // It is this one value that grows from here on.
    progress.reached = chosen
    const sealed = seal(engine, chosen, (call) => discover(engine, call, attemptByPeerClock))
    return andThen(sealed, (ready) => sign(engine, ready))
  })
}

function deliver(engine: Engine, signed: Signed, progress: Progress): MaybePromise<CallResult> {
  progress.isSent = true
  return andThen(send(engine, signed), (received) =>
    orElse(
      () =>
        andThen(verify(engine, received), (call) =>
          andThen(open(engine, call), (answer) => finish(engine, { call, answer, progress })),
        ),
      (cause) => {
        // Nobody will read it: the connection is for others.
        received.download?.cancel(cause).catch(() => undefined)
        throw cause
      },
    ),
  )
}

interface Finished {
  readonly call: Verified
  readonly answer: OpenedAnswer
  readonly progress: Progress
}

function finish(engine: Engine, { call, answer, progress }: Finished): CallResult {
  const { reached, startedAt } = progress
  const callId = callIdOf(call.name)
  const { stream } = answer
  const record = { reached, startedAt, callId }
  if (stream === undefined) {
    recordCaller(engine, { ...record, error: undefined })
    endUpload(reached, undefined)
  } else watch(engine, { stream, signal: call.signal, record })
  const isSealed = call.observed === undefined && (call.sealed || call.answer.fields.has('content-envelope'))
  return { answer, callId, peer: call.from, sealed: isSealed, url: call.url.href, stream, call }
}

/** Nobody will read on what was to be sent. */
function abandon({ upload, source }: Reached, cause: unknown): void {
  // Whoever is still sending it hears of a failure, and not of an end.
  if (upload !== undefined) upload.fail(cause)
  else source?.cancel(cause).catch(() => undefined)
}

/**
 * Once the answer is over nobody reads the rest of what was to be sent. Not every transport says so: fetch of Node would
 * read on for ever.
 */
function endUpload({ upload }: Reached, cause: unknown): void {
  upload?.fail(cause ?? new Error('The answer came to its end before the body was sent.'))
}

interface Watched {
  readonly stream: Passage
  readonly signal: AbortSignal | undefined
  readonly record: Omit<CallerRecord, 'error'>
}

/** A stream ends when it was read, when somebody gives up on it, or when the time of its call is over, read or not. */
function watch(engine: Engine, { stream, signal, record }: Watched): void {
  const onAbort = () => stream.fail(signal?.reason)
  signal?.addEventListener('abort', onAbort, { once: true })
  void stream.ended.then(({ bytes, error }) => {
    signal?.removeEventListener('abort', onAbort)
    recordCaller(engine, { ...record, error, answerBytes: bytes })
    endUpload(record.reached, error)
  })
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
