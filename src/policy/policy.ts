import { type Clock, systemClock } from '../core/clock.ts'
import { checkOptions } from '../core/options.ts'
import { type CompiledPolicy, compilePolicy } from './compile.ts'
import { decide } from './decide.ts'
import type { Authorizer, Decision, PolicyQuestion } from './decision.ts'
import { type Explanation, explain } from './explain.ts'
import type { PolicyOptions } from './policy-options.ts'
import { policyOptionsSchema, readPolicyDocument } from './schema.ts'

/** Decides about calls, and says why. */
export interface Policy extends Authorizer {
  decide(question: PolicyQuestion): Decision
  /** Tells of every rule why it matched or did not. It looks at all of them: for the operator, not on the way of a call. */
  explain(question: PolicyQuestion): Explanation
  /** Whether some rule demands sealed bodies: what a guard tells callers who ask. */
  readonly demandsSealing: boolean
}

/** Reads a document into what decides by it. */
export function compileDocument(value: unknown): CompiledPolicy {
  return compilePolicy(readPolicyDocument(value))
}

/** The clock of checked options. */
export function clockOf(options: PolicyOptions): Clock {
  return checkOptions(policyOptionsSchema, options, 'policy options').clock ?? systemClock
}

/** A policy whose rules stand fast. */
export function createPolicy(compiled: CompiledPolicy, clock: Clock): Policy {
  return Object.freeze({
    decide: (question: PolicyQuestion) => decide(compiled, question, clock.now()),
    explain: (question: PolicyQuestion) => explain(compiled, question, clock.now()),
    demandsSealing: compiled.demandsSealing,
  })
}
