import { API_KEY, anonymous, type Peer } from '../identity/peer.ts'
import type { Decision } from './decision.ts'
import type { PolicyRule } from './document.ts'

/** What a rule is asked once its callers and routes match. */
export interface Circumstances {
  readonly peer: Peer
  readonly sealed: boolean
  /** Epoch milliseconds. */
  readonly now: number
}

/** How far a rule holds: altogether, but for sealing, or not. */
export type Standing = 'holds' | 'unsealed' | 'fails'

/** A rule, read once. */
export interface CompiledRule {
  /** Its place in the document: of two that match, the first is named. */
  readonly index: number
  readonly source: PolicyRule
  readonly isEnforced: boolean
  /** Epoch milliseconds. */
  readonly notAfter: number
  readonly sealed: boolean
  readonly authenticatedBy: readonly string[] | undefined
  readonly scope: readonly string[] | undefined
  /** Whether it holds for who shows an API key and nothing else: such a key opens only what lists it. */
  readonly isForKeys: boolean
  /** What is decided where this rule decides. */
  readonly decision: Decision
  /** What is decided where this rule lacks nothing but sealing. */
  readonly unsealed: Decision
  /** What is decided where this rule would have denied, but only observes. */
  readonly observed: Decision
}

const PROVES_NO_MORE: ReadonlySet<string> = new Set([API_KEY, anonymous.authenticatedBy])

export function compileRule(source: PolicyRule, index: number): CompiledRule {
  const { id, effect, when = {}, mode, notAfter } = source
  const denial = { rule: id, code: 'policy-denied' } as const
  return Object.freeze({
    index,
    source,
    isEnforced: mode !== 'observe',
    notAfter: notAfter === undefined ? Number.POSITIVE_INFINITY : Date.parse(notAfter),
    sealed: when.sealed === true,
    authenticatedBy: when.authenticatedBy,
    scope: when.scope,
    isForKeys: effect === 'deny' || when.authenticatedBy !== undefined,
    decision: Object.freeze(effect === 'allow' ? { effect, rule: id } : { effect, ...denial }),
    unsealed: Object.freeze({ effect: 'deny', rule: id, code: 'encryption-required' }),
    observed: Object.freeze({ effect: 'allow', ...denial, observed: true }),
  })
}

/** Asks a rule whose callers and routes match whether the rest of it holds. */
export function standingOf(rule: CompiledRule, { peer, sealed, now }: Circumstances): Standing {
  // Condition: a rule counts for nothing after its notAfter.
  if (!(now <= rule.notAfter)) return 'fails'
  // Condition: a rule that names ways to authenticate holds for one of them only.
  if (rule.authenticatedBy !== undefined && !usedOneOf(peer, rule.authenticatedBy)) return 'fails'
  // Condition: an API key alone opens nothing by a rule that lists no ways to authenticate.
  if (!rule.isForKeys && isKeyAlone(peer)) return 'fails'
  // Condition: a rule that names scopes holds only for a peer that has them all.
  if (rule.scope?.every((scope) => peer.scopes.includes(scope)) === false) return 'fails'
  // Condition: a rule that demands sealing holds for sealed calls only.
  return rule.sealed && !sealed ? 'unsealed' : 'holds'
}

export function usedOneOf(peer: Peer, ways: readonly string[]): boolean {
  return ways.includes(peer.authenticatedBy) || peer.also.some((other) => ways.includes(other.authenticatedBy))
}

/** Whether an API key is all that stands for a peer. */
export function isKeyAlone(peer: Peer): boolean {
  return (
    peer.authenticatedBy === API_KEY && peer.also.every(({ authenticatedBy }) => PROVES_NO_MORE.has(authenticatedBy))
  )
}
