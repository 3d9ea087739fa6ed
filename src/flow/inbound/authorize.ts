import { advance } from '../../core/advance.ts'
import type { Code } from '../../core/codes.ts'
import { CountersignError, isCountersignError } from '../../core/errors.ts'
import { andThen, type MaybePromise, orElse, settle } from '../../core/maybe-promise.ts'
import { anonymous } from '../../identity/peer.ts'
import type { Decision } from '../../policy/decision.ts'
import { ACCEPT_ENVELOPE } from '../envelope-field.ts'
import { canOpen } from '../seal-key.ts'
import type { GuardSettings } from './guard-settings.ts'
import type { Authorized, Claimed } from './stages.ts'
import { challenges } from './ways.ts'

const ALLOWED: Decision = Object.freeze({ effect: 'allow' })

/** Asks the policy. Deny by default; what only lacks sealing is told so. */
export function authorize(guard: GuardSettings, call: Claimed): MaybePromise<Authorized> {
  if (isExempt(guard, call)) {
    return advance(call, { decision: ALLOWED, sealAnswer: asksForSealing(guard, call) })
  }
  return andThen(judge(guard, call), (judgement) => obey(guard, call, judgement))
}

interface Judgement {
  readonly decision: Decision
  readonly sealAnswer: boolean
}

function obey(guard: GuardSettings, call: Claimed, { decision, sealAnswer }: Judgement): Authorized {
  if (decision.effect === 'allow') {
    // A rule that only observes lets pass what it would have denied, and says so.
    const observed = decision.observed === true ? (call.observed ?? decision.code ?? 'policy-denied') : call.observed
    return advance(call, { observed, decision, sealAnswer })
  }
  const code = refusalOf(guard, call, decision)
  if (guard.mode === 'observe' && code !== 'encryption-required') {
    const observed = call.observed ?? code
    return advance(call, { observed, decision: { ...decision, observed: true }, sealAnswer })
  }
  throw new CountersignError(code, {
    detail: { step: 'policy', ...(decision.rule === undefined ? {} : { rule: decision.rule }) },
  })
}

/** Whether this request needs no proof: GET and HEAD on a listed path, exactly as it arrived. */
function isExempt(guard: GuardSettings, { request, target }: Claimed): boolean {
  const isSafe = request.method === 'GET' || request.method === 'HEAD'
  return isSafe && guard.exempt.has(target.path.slice(guard.strippedPrefix.length))
}

function refusalOf(guard: GuardSettings, call: Claimed, decision: Decision): Code {
  if (decision.code === 'encryption-required') return 'encryption-required'
  if (call.peer !== anonymous) return 'policy-denied'
  // Condition: a caller who proved nothing is asked for a proof where the policy does not allow the anonymous.
  return challenges(guard.accept) ? 'authentication-required' : 'proof-missing'
}

/** A call without a body may ask that its answer be sealed; one with a body asks by sealing that. */
function asksForSealing(guard: GuardSettings, call: Claimed): boolean {
  return !call.arrival.announcesBody && call.proof?.covers(ACCEPT_ENVELOPE) === true && canOpen(guard.engine, call)
}

function judge(guard: GuardSettings, call: Claimed): MaybePromise<Judgement> {
  const { sealed } = call.announced
  const answerable = canOpen(guard.engine, call)
  // Condition: a sealed request of a caller to whom the answer cannot be sealed is refused.
  if (sealed && !answerable) throw encryptionRequired()
  return andThen(decide(guard, call, sealed), (decision) => {
    const lacksSealing =
      decision.code === 'encryption-required' || (decision.effect === 'allow' && guard.sealRequired && !sealed)
    if (!lacksSealing) return { decision, sealAnswer: sealed || asksForSealing(guard, call) }
    // Condition: a plaintext body is refused where sealing is demanded.
    if (call.arrival.announcesBody || !answerable) throw encryptionRequired(decision.rule)
    return andThen(decide(guard, call, true), (again) => ({ decision: again, sealAnswer: true }))
  })
}

function decide(guard: GuardSettings, call: Claimed, sealed: boolean): MaybePromise<Decision> {
  const { address } = call.arrival
  const { peer, request, target } = call
  const known = { peer, method: request.method, path: target.path, sealed }
  const question = address === undefined ? known : advance(known, { address })
  return orElse(
    () => settle(guard.policy.decide(question)),
    (cause) => {
      if (isCountersignError(cause, 'policy-unavailable')) throw cause
      // Condition: a policy that fails to decide refuses the call.
      throw new CountersignError('policy-unavailable', { cause, detail: { step: 'policy' } })
    },
  )
}

function encryptionRequired(rule?: string): CountersignError {
  return new CountersignError('encryption-required', {
    detail: { step: 'policy', ...(rule === undefined ? {} : { rule }) },
  })
}
