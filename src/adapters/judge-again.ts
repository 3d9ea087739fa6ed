import { parseTarget } from '../core/canonical.ts'
import { CountersignError } from '../core/errors.ts'
import type { Call } from '../flow/call-context.ts'
import type { GuardSettings } from '../flow/inbound/guard-settings.ts'

const refusals = new WeakMap<Call, CountersignError>()

/** Why a second guard has refused a call, if one has: the first writes it down. */
export function refusalOf(call: Call): CountersignError | undefined {
  return refusals.get(call)
}

/** A second guard on a route only decides again: the proof was claimed, the peer is known. Gives the refusal, if any. */
export async function judgeAgain(
  guard: GuardSettings,
  call: Call,
  request: { method: string; target: string },
): Promise<CountersignError | undefined> {
  const { path } = parseTarget(guard.strippedPrefix + request.target)
  const refusal = await decide(guard, { peer: call.peer, method: request.method, path, sealed: call.sealed })
  // Condition: what a second guard on a route denies is refused.
  if (refusal === undefined || (guard.mode === 'observe' && refusal.code !== 'encryption-required')) return undefined
  refusals.set(call, refusal)
  return refusal
}

type Question = Parameters<GuardSettings['policy']['decide']>[0]

async function decide(guard: GuardSettings, question: Question): Promise<CountersignError | undefined> {
  const step = 'second guard'
  if (guard.sealRequired && question.sealed !== true)
    return new CountersignError('encryption-required', { detail: { step } })
  try {
    const { effect, code = 'policy-denied', rule } = await guard.policy.decide(question)
    if (effect === 'allow') return undefined
    return new CountersignError(code, { detail: { step, ...(rule === undefined ? {} : { rule }) } })
  } catch (cause) {
    return new CountersignError('policy-unavailable', { cause, detail: { step } })
  }
}
