import { parseTarget } from '../core/canonical.ts'
import type { CountersignError } from '../core/errors.ts'
import type { Call } from '../flow/call-context.ts'
import type { HttpAnswer } from '../flow/http-answer.ts'
import type { GuardSettings } from '../flow/inbound/guard-settings.ts'
import { problemOf } from '../flow/problem.ts'

/** A second guard on a route only decides again: the proof was claimed, the peer is known. Gives the refusal, if any. */
export async function judgeAgain(
  guard: GuardSettings,
  call: Call,
  request: { method: string; target: string },
): Promise<HttpAnswer | undefined> {
  const { path } = parseTarget(guard.strippedPrefix + request.target)
  const question = { peer: call.peer, method: request.method, path, sealed: call.sealed }
  const decision = await decide(guard, question)
  // Condition: what a second guard on a route denies is refused.
  if (decision === 'allow' || guard.mode === 'observe') return undefined
  return problemOf(decision, call.id)
}

type Question = Parameters<GuardSettings['policy']['decide']>[0]

async function decide(guard: GuardSettings, question: Question): Promise<'allow' | CountersignError['code']> {
  if (guard.sealRequired && !question.sealed) return 'encryption-required'
  try {
    const decision = await guard.policy.decide(question)
    return decision.effect === 'allow' ? 'allow' : (decision.code ?? 'policy-denied')
  } catch {
    return 'policy-unavailable'
  }
}
