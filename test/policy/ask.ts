import type { Peer } from '../../src/identity/peer.ts'
import type { Decision, PolicyQuestion } from '../../src/policy/decision.ts'
import type { PolicyDocument, PolicyRule } from '../../src/policy/document.ts'
import type { Row } from './corpus.ts'

export const ORDERS = 'spiffe://acme.internal/orders'

/** A caller as a proof would give it. */
export function peerOf(id: string, more: Partial<Peer> = {}): Peer {
  const authenticatedBy = id === 'anonymous' ? 'none' : 'signature'
  return { id, authenticatedBy, scopes: [], claims: {}, also: [], ...more }
}

/** A document of rules that are completed: `r0`, `r1` …, an allow of everything for orders. */
export function documentOf(rules: readonly Partial<PolicyRule>[]): PolicyDocument {
  const complete = rules.map((rule, i) => {
    const base = { id: `r${i}`, effect: 'allow', from: [ORDERS], to: ['* /*'] } as const
    return { ...base, ...rule }
  })
  return { version: 1, rules: complete }
}

/** `'GET /a'` as a question of orders. */
export function question(call: string, more: Partial<PolicyQuestion> = {}): PolicyQuestion {
  const space = call.indexOf(' ')
  return { peer: peerOf(ORDERS), method: call.slice(0, space), path: call.slice(space + 1), ...more }
}

/** The question of a row of the corpus. */
export function questionOf({ ask }: Row): PolicyQuestion {
  const also = (ask.also ?? []).map((authenticatedBy) => peerOf('https://issuer.test/somebody', { authenticatedBy }))
  const by = ask.by === undefined ? {} : { authenticatedBy: ask.by }
  const peer = peerOf(ask.id ?? ORDERS, { scopes: ask.scopes ?? [], also, ...by })
  return question(ask.call, { peer, ...(ask.sealed === undefined ? {} : { sealed: ask.sealed }) })
}

/** The decision a row of the corpus promises. */
export function promised({ effect, rule, code, observed }: Row): Decision {
  return {
    effect,
    ...(rule === undefined ? {} : { rule }),
    ...(code === undefined ? {} : { code }),
    ...(observed === undefined ? {} : { observed }),
  }
}
