import { platform } from '#platform'
import { advance } from '../core/advance.ts'
import { CountersignError, isCountersignError } from '../core/errors.ts'
import { type MaybePromise, type Steps, steps, wait } from '../core/maybe-promise.ts'
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
import type { Arrival, Authenticated, Authorized, Claimed, Opened, Parsed, Reached, Read } from './inbound/stages.ts'
import { problemOf } from './problem.ts'
import { recordCallee } from './trail.ts'

/**
 * Judges a request, step by step: size, syntax, token, signature, audience, claim, policy, body and digest, open. Each
 * step adds what it has proven; the first that fails ends it. The body of a stranger is never read.
 */
export const admit = steps(function* (guard: GuardSettings, arrival: Arrival): Steps<Admission> {
  const early = { callId: randomUuid() }
  const startedAt = platform.monotonicMs()
  let reached: Reached | undefined
  try {
    guard.engine.assertOpen()
    const parsed = parse(guard, arrival, early)
    reached = parsed
    const claimed = yield* prove(guard, parsed, (stage) => {
      reached = stage
    })
    const own = yield* wait(ownRoute(guard, claimed))
    if (own !== undefined) return answered({ arrival, stage: claimed, own })
    const authorized = yield* wait(authorize(guard, claimed))
    reached = authorized
    const body = yield* wait(bodyOf(guard, authorized))
    reached = body
    const stage = yield* wait(open(guard, body))
    return { kind: 'admitted', stage, call: callOf(stage) }
  } catch (cause) {
    if (isAbort(cause)) {
      const error = new CountersignError('transport-failed', { cause, detail: { step: 'body' } })
      recordCallee(guard, {
        stage: reached,
        answer: undefined,
        effect: 'deny',
        error,
        arrival,
        callId: early.callId,
        startedAt,
      })
      throw cause
    }
    const error = isCountersignError(cause) ? cause : new CountersignError('request-malformed', { cause })
    const response = problemOf(error.code, early.callId)
    return { kind: 'answered', arrival, stage: reached, callId: early.callId, startedAt, response, error }
  }
})

function answered(given: { arrival: Arrival; stage: Claimed; own: OwnAnswer }): Answered {
  const { arrival, stage, own } = given
  const { callId, startedAt } = stage
  return { kind: 'answered', arrival, stage, callId, startedAt, ...own, error: undefined }
}

/** Authenticates and claims; where the guard only observes, what fails is written down and the caller stays anonymous. */
function* prove(guard: GuardSettings, parsed: Parsed, mark: (stage: Reached) => void): Steps<Claimed> {
  try {
    const authenticated = yield* wait(authenticate(guard, parsed))
    mark(authenticated)
    // Condition: a call whose answer could not be signed is refused before its proof is claimed.
    yield* wait(guard.engine.credentials.current())
    return yield* wait(claim(guard, authenticated))
  } catch (cause) {
    // Condition: while observing, too, a session that is not open here is refused: the caller makes its call again.
    const isLenient = guard.mode === 'observe' && isCountersignError(cause) && cause.code !== 'session-unknown'
    if (!isLenient) throw cause
    const observed = parsed.observed ?? cause.code
    const nobody = { peer: anonymous, token: undefined, session: undefined, judged: judgedNow(guard.engine), observed }
    const unproven: Authenticated = advance(parsed, nobody)
    mark(unproven)
    return advance(unproven, { once: true } as const)
  }
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
