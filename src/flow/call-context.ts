import { platform } from '#platform'
import type { Peer } from '../identity/peer.ts'
import type { Decision } from '../policy/decision.ts'

/** A call that was admitted, as its handler sees it. */
export interface Call {
  /** The correlation id, the same on both sides. */
  readonly id: string
  readonly peer: Peer
  readonly decision: Decision
  /** Whether the body arrived sealed, and the answer leaves sealed. */
  readonly sealed: boolean
  /** The W3C trace context this call continues; unproven, for tracing only. */
  readonly traceparent?: string
}

const calls = platform.createContext<Call>()

/** Runs a handler so that `currentCall()` finds its call in everything it awaits. */
export function runInCall<R>(call: Call, body: () => R): R {
  return calls === undefined ? body() : calls.run(call, body)
}

/**
 * Gives the call that is being handled, or undefined outside a handler and in a runtime without async context (pass
 * `call` there). It proves no more than `callOf` does: the same value.
 *
 * @example
 * logger.info('charging', { callId: currentCall()?.id })
 */
export function currentCall(): Call | undefined {
  return calls?.get()
}
