import { CallerIndex } from './caller-index.ts'
import type { PolicyDocument } from './document.ts'
import { parseRoute } from './route.ts'
import { RouteTrie } from './route-trie.ts'
import { type CompiledRule, compileRule } from './rule.ts'

/** A policy, made ready so that a decision looks only at rules about its path and its caller. */
export interface CompiledPolicy {
  /** In the order of the document. */
  readonly rules: readonly CompiledRule[]
  readonly callers: CallerIndex
  readonly allows: RouteTrie
  readonly denies: RouteTrie
  /** Whether some rule demands sealed bodies. */
  readonly demandsSealing: boolean
}

/** Compiles a document that was read strictly. */
export function compilePolicy(document: PolicyDocument): CompiledPolicy {
  const rules = Object.freeze(document.rules.map(compileRule))
  const callers = new CallerIndex()
  const allows = new RouteTrie('exact')
  const denies = new RouteTrie('lenient')
  for (const rule of rules) {
    const { effect, from, to } = rule.source
    // Condition: an allow that only observes allows nothing.
    if (effect === 'allow' && !rule.isEnforced) continue
    const trie = effect === 'allow' ? allows : denies
    const numbers = from.map((pattern) => callers.add(pattern))
    for (const route of to.map(parseRoute)) {
      for (const caller of numbers) trie.add(route, caller, rule)
    }
  }
  const demandsSealing = rules.some((rule) => rule.sealed && rule.isEnforced && rule.source.effect === 'allow')
  return Object.freeze({ rules, callers, allows, denies, demandsSealing })
}
