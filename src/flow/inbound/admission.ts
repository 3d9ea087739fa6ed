import type { CountersignError } from '../../core/errors.ts'
import type { Call } from '../call-context.ts'
import type { HttpAnswer } from '../http-answer.ts'
import type { Arrival, Opened, Reached } from './stages.ts'

/** A call whose handler may run. */
export interface Admitted {
  readonly kind: 'admitted'
  readonly stage: Opened
  readonly call: Call
}

/** A call that the guard answers itself: a refusal, or one of its own routes. */
export interface Answered {
  readonly kind: 'answered'
  readonly arrival: Arrival
  /** How far the call came; undefined where not even the head could be read. */
  readonly stage: Reached | undefined
  readonly callId: string
  readonly startedAt: number
  readonly response: HttpAnswer
  readonly opening?: Opening | undefined
  /** Why it was refused. */
  readonly error: CountersignError | undefined
}

/** What both ends of a handshake have signed. */
export interface HandshakeBases {
  readonly requestBase: Uint8Array
  readonly answerBase: Uint8Array
}

/** Opens a session: called once its answer is signed. */
export type Opening = (bases: HandshakeBases) => Promise<void>

/** What a route of the guard's own answers. */
export interface OwnAnswer {
  readonly response: HttpAnswer
  readonly opening?: Opening
}

export type Admission = Admitted | Answered
