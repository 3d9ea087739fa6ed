import { platform } from '#platform'
import { advance } from '../core/advance.ts'
import { CountersignError, isCountersignError } from '../core/errors.ts'
import { andThen, type MaybePromise, orElse } from '../core/maybe-promise.ts'
import { randomUuid } from '../core/random.ts'
import { anonymous } from '../identity/peer.ts'
import type { Call } from './call-context.ts'
import type { Admission, Answered, OwnAnswer } from './inbound/admission.ts'
import { authenticate, judgedNow } from './inbound/authenticate.ts'
import { authorize } from './inbound/authorize.ts'
import { claim } from './inbound/claim.ts'
import type { GuardSettings } from './inbound/guard-settings.ts'
import { open } from './inbound/open.ts'
import { ownRoute } from './inbound/own-routes.ts'
import { parse } from './inbound/parse.ts'
import { read } from './inbound/read.ts'
import type { Arrival, Authorized, Claimed, Opened, Parsed, Reached, Read } from './inbound/stages.ts'
import { challengeFields } from './inbound/ways.ts'
import { problemOf } from './problem.ts'
import { recordCallee } from './trail.ts'

/** How far a call has come, for whoever has to tell of its end. */
interface Progress {
  readonly startedAt: number
  /** Known as soon as a proof names the call. */
  callId?: string
  stage: Reached | undefined
}

/**
 * Judges a request, step by step: size, syntax, token, signature, audience, claim, policy, body and digest, open. Each
 * step adds what it has proven; the first that fails ends it. The body of a stranger is never read.
 */
export function admit(guard: GuardSettings, arrival: Arrival): MaybePromise<Admission> {
  const progress: Progress = { startedAt: platform.monotonicMs(), stage: undefined }
  return orElse(
    () => judge(guard, arrival, progress),
    (cause) => refuse(guard, arrival, { progress, cause }),
  )
}

function judge(guard: GuardSettings, arrival: Arrival, progress: Progress): MaybePromise<Admission> {
  guard.engine.assertOpen()
  const parsed = parse(guard, arrival, progress)
  // It is this one value that grows from here on.
  progress.stage = parsed
  return andThen(prove(guard, parsed), (claimed) => {
    checkUpgrader(claimed)
    return andThen(ownRoute(guard, claimed), (own) =>
      own === undefined ? serve(guard, claimed) : answered({ arrival, stage: claimed, own }),
    )
  })
}

/** That a proof covers the upgrade was read off the proof: by now it is known whether anybody has verified it. */
function checkUpgrader({ request, token }: Claimed): void {
  if (token !== undefined || !request.fields.has('upgrade')) return
  // Condition: an upgrade is refused where the proof that covers it is not what the caller is known by.
  throw new CountersignError('upgrade-refused', { detail: { step: 'proof' } })
}

function serve(guard: GuardSettings, claimed: Claimed): MaybePromise<Admission> {
  const body = andThen(authorize(guard, claimed), (authorized) => bodyOf(guard, authorized))
  const opened = andThen(body, (read) => open(guard, read))
  return andThen(opened, (stage) => ({ kind: 'admitted', stage, call: callOf(stage) }))
}

function refuse(
  guard: GuardSettings,
  arrival: Arrival,
  { progress, cause }: { progress: Progress; cause: unknown },
): Answered {
  const { stage, startedAt, callId = randomUuid() } = progress
  if (isAbort(cause)) {
    const error = new CountersignError('transport-failed', { cause, detail: { step: 'body' } })
    recordCallee(guard, { stage, answer: undefined, effect: 'deny', error, arrival, callId, startedAt })
    throw cause
  }
  const error = isCountersignError(cause) ? cause : new CountersignError('request-malformed', { cause })
  const problem = problemOf(error.code, callId)
  const response = { ...problem, fields: problem.fields.and(challengeFields(guard.accept, error, stage?.peer)) }
  return { kind: 'answered', arrival, stage, callId, startedAt, response, error }
}

function answered(given: { arrival: Arrival; stage: Claimed; own: OwnAnswer }): Answered {
  const { arrival, stage, own } = given
  const { callId, startedAt } = stage
  return { kind: 'answered', arrival, stage, callId, startedAt, ...own, error: undefined }
}

/** Authenticates and claims; where the guard only observes, what fails is written down and the caller stays anonymous. */
function prove(guard: GuardSettings, parsed: Parsed): MaybePromise<Claimed> {
  return orElse(
    () => authenticateAndClaim(guard, parsed),
    (cause) => {
      // Condition: while observing, too, a session that is not open here is refused: the caller makes its call again.
      const isLenient = guard.mode === 'observe' && isCountersignError(cause) && cause.code !== 'session-unknown'
      if (!isLenient) throw cause
      const observed = parsed.observed ?? cause.code
      const nobody = { peer: anonymous, token: undefined, session: undefined, judged: judgedNow(guard.engine) }
      return advance(advance(parsed, nobody), { observed, once: true } as const)
    },
  )
}

function authenticateAndClaim(guard: GuardSettings, parsed: Parsed): MaybePromise<Claimed> {
  return andThen(authenticate(guard, parsed), (authenticated) =>
    // Condition: a call whose answer could not be signed is refused before its proof is claimed.
    andThen(guard.engine.credentials.current(), () => claim(guard, authenticated)),
  )
}

/** Reads the body; where the guard only observes, one that is not what was signed passes, and is nobody's. */
function bodyOf(guard: GuardSettings, call: Authorized): MaybePromise<Read> {
  return guard.mode === 'observe' ? lenientRead(guard, call) : read(guard, call)
}

async function lenientRead(guard: GuardSettings, call: Authorized): Promise<Read> {
  let bytes: Read['bytes']
  const { arrival } = call
  const readBody: Arrival['readBody'] = async (maxBytes, use) => {
    const found = await arrival.readBody(maxBytes, use)
    if (found !== 'too-large') bytes = found
    return found
  }
  try {
    return await read(guard, advance(call, { arrival: { ...arrival, readBody } }))
  } catch (cause) {
    if (!isCountersignError(cause) || cause.code === 'body-too-large') throw cause
    const observed = call.observed ?? cause.code
    // Whose body it is, nobody has proven.
    const nobody = { peer: anonymous, token: undefined, session: undefined, sealAnswer: false }
    return advance(call, { ...nobody, observed, bytes })
  }
}

function callOf(stage: Opened): Call {
  const traceparent = stage.request.fields.get('traceparent')
  const call = { id: stage.callId, peer: stage.peer, decision: stage.decision, sealed: stage.sealAnswer }
  return Object.freeze(traceparent === undefined ? call : advance(call, { traceparent }))
}

/** The other end went away while its body was read: there is nobody to answer. */
export function isAbort(cause: unknown): boolean {
  return cause instanceof Error && cause.name === 'AbortError'
}
