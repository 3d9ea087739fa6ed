import { compileCaller } from '../identity/match.ts'
import { API_KEY } from '../identity/peer.ts'
import type { CompiledPolicy } from './compile.ts'
import { allowedMethod, decide, deniedMethod, isCanonicalPath } from './decide.ts'
import type { Decision, PolicyQuestion } from './decision.ts'
import { parseRoute } from './route.ts'
import { RouteTrie, splitPath } from './route-trie.ts'
import { type Circumstances, type CompiledRule, isKeyAlone, usedOneOf } from './rule.ts'

/** Why a question was decided as it was. It is for the operator: it names rules and callers. */
export interface Explanation {
  readonly decision: Decision
  /** One sentence. */
  readonly summary: string
  /** Every rule, in the order of the document; none where the path alone decided. */
  readonly rules: readonly RuleFinding[]
}

/** How one rule stands to a question. */
export interface RuleFinding {
  readonly rule: string
  readonly effect: 'allow' | 'deny'
  readonly mode: 'enforce' | 'observe'
  readonly matches: boolean
  /** Why it matches or does not, as sentences. */
  readonly because: readonly string[]
}

const MOST_SHOWN = 3

/** Explains a decision. It looks at every rule, so it is not for the way of a call. */
export function explain(policy: CompiledPolicy, question: PolicyQuestion, now: number): Explanation {
  const decision = decide(policy, question, now)
  if (!isCanonicalPath(question.path)) return { decision, summary: summaryOf(decision, question), rules: [] }
  const circumstances = { peer: question.peer, sealed: question.sealed === true, now }
  const rules = policy.rules.map((rule) => findingOf(rule, question, circumstances))
  return { decision, summary: summaryOf(decision, question), rules }
}

/** Says in one sentence what was decided and why. */
export function summaryOf({ effect, rule, code, observed }: Decision, question: PolicyQuestion): string {
  if (!isCanonicalPath(question.path)) return 'Denied: the path is not in its one canonical spelling.'
  const call = `${question.method} ${question.path} for ${question.peer.id}`
  if (observed === true) return `Allowed, but rule "${rule}", which only observes, would deny ${call}.`
  if (effect === 'allow') return `Allowed: rule "${rule}" allows ${call}.`
  if (code === 'encryption-required') return `Denied: rule "${rule}" allows ${call}, but only with a sealed body.`
  return rule === undefined ? `Denied: no rule allows ${call}.` : `Denied: rule "${rule}" denies ${call}.`
}

function findingOf(rule: CompiledRule, question: PolicyQuestion, circumstances: Circumstances): RuleFinding {
  const { id, effect, mode = 'enforce' } = rule.source
  const against = [...outsideOf(rule, question), ...unmet(rule, circumstances)]
  const matches = against.length === 0
  const because = matches ? ['Caller, route and every condition match.'] : against
  const observing = `It only observes: it ${effect === 'allow' ? 'allows' : 'denies'} nothing.`
  return { rule: id, effect, mode, matches, because: mode === 'observe' ? [...because, observing] : because }
}

/** What of callers and routes does not match. */
function outsideOf(rule: CompiledRule, { peer, method, path }: PolicyQuestion): string[] {
  const { from, to } = rule.source
  const against: string[] = []
  if (!from.some((pattern) => compileCaller(pattern)(peer.id))) {
    against.push(`It is for ${shown(from)}, not for ${peer.id}.`)
  }
  if (!routeMatches(rule, method, path)) against.push(`It is about ${shown(to)}, not about ${method} ${path}.`)
  return against
}

function routeMatches(rule: CompiledRule, method: string, path: string): boolean {
  const { effect, to } = rule.source
  const trie = new RouteTrie(effect === 'allow' ? 'exact' : 'lenient')
  for (const route of to) trie.add(parseRoute(route), 0, rule)
  let matches = false
  const sought = effect === 'allow' ? allowedMethod(method) : deniedMethod(method)
  trie.forEachMatch({ method: sought, segments: splitPath(path), callers: [0] }, () => {
    matches = true
  })
  return matches
}

/** What of the conditions does not hold. */
function unmet(rule: CompiledRule, { peer, sealed, now }: Circumstances): string[] {
  const against: string[] = []
  const { authenticatedBy, scope = [] } = rule
  if (now > rule.notAfter) against.push(`It ended at ${rule.source.notAfter}.`)
  if (authenticatedBy !== undefined && !usedOneOf(peer, authenticatedBy)) {
    against.push(`It demands authentication by ${authenticatedBy.join(' or ')}, not by ${peer.authenticatedBy}.`)
  }
  if (!rule.isForKeys && isKeyAlone(peer)) {
    against.push(`It lists no "authenticatedBy", and an API key alone opens only what lists "${API_KEY}" there.`)
  }
  const missing = scope.filter((each) => !peer.scopes.includes(each))
  if (missing.length > 0) against.push(`It demands scopes that the caller lacks: ${missing.join(', ')}.`)
  if (rule.sealed && !sealed) against.push('It demands a sealed body.')
  return against
}

function shown(names: readonly string[]): string {
  const more = names.length - MOST_SHOWN
  const first = names.slice(0, MOST_SHOWN).join(', ')
  return more > 0 ? `${first} and ${more} more` : first
}
