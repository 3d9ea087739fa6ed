import { parseTarget } from '../core/canonical.ts'
import { isCountersignError } from '../core/errors.ts'
import type { CompiledPolicy } from './compile.ts'
import type { Decision, PolicyQuestion } from './decision.ts'
import { type RouteTrie, type Sought, splitPath } from './route-trie.ts'
import { type Circumstances, type CompiledRule, standingOf } from './rule.ts'

/** What is decided where no rule decides. */
export const deniedByDefault: Decision = Object.freeze({ effect: 'deny', code: 'policy-denied' })

/** Decides: a denial that matches beats every allow, and what nothing allows is denied. */
export function decide(policy: CompiledPolicy, question: PolicyQuestion, now: number): Decision {
  // Condition: a path that is not in its canonical spelling is denied, whatever the rules say.
  if (!isCanonicalPath(question.path)) return deniedByDefault
  const callers = policy.callers.covering(question.peer.id)
  const segments = splitPath(question.path)
  const circumstances = { peer: question.peer, sealed: question.sealed === true, now }
  const denial = policy.denies.isEmpty
    ? NOTHING
    : find(policy.denies, circumstances, { method: deniedMethod(question.method), segments, callers })
  // Condition: a deny that matches beats every allow.
  if (denial.enforced !== undefined) return denial.enforced.decision
  const route = { method: allowedMethod(question.method), segments, callers }
  const { enforced, unsealed } = find(policy.allows, circumstances, route)
  // Condition: a deny that only observes denies nothing, and the decision tells that it would have.
  if (enforced !== undefined) return denial.observing?.observed ?? enforced.decision
  // Condition: a call that lacks nothing but sealing is told that encryption is required.
  if (unsealed !== undefined) return unsealed.unsealed
  // Condition: a call that no rule allows is denied.
  return deniedByDefault
}

/** HEAD is decided as GET. */
export function allowedMethod(method: string): string {
  return method === 'HEAD' ? 'GET' : method
}

/** A deny also matches a method in another case. */
export function deniedMethod(method: string): string {
  return allowedMethod(method.toUpperCase())
}

export function isCanonicalPath(path: string): boolean {
  try {
    return parseTarget(path).path === path
  } catch (error) {
    if (isCountersignError(error)) return false
    throw error
  }
}

/** The first rule, in the order of the document, of those that hold and enforce, hold and observe, or lack sealing. */
interface Found {
  readonly enforced: CompiledRule | undefined
  readonly observing: CompiledRule | undefined
  readonly unsealed: CompiledRule | undefined
}

const NOTHING: Found = Object.freeze({ enforced: undefined, observing: undefined, unsealed: undefined })

function find(trie: RouteTrie, circumstances: Circumstances, sought: Sought): Found {
  let { enforced, observing, unsealed } = NOTHING
  trie.forEachMatch(sought, (rule) => {
    const standing = standingOf(rule, circumstances)
    if (standing === 'fails') return
    if (standing === 'unsealed') unsealed = first(unsealed, rule)
    else if (rule.isEnforced) enforced = first(enforced, rule)
    else observing = first(observing, rule)
  })
  return { enforced, observing, unsealed }
}

function first(found: CompiledRule | undefined, rule: CompiledRule): CompiledRule {
  return found === undefined || rule.index < found.index ? rule : found
}
