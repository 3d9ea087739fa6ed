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
  /** Why it was refused. */
  readonly error: CountersignError | undefined
}

export type Admission = Admitted | Answered
