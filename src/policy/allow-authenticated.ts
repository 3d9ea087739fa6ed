import { CountersignError } from '../core/errors.ts'
import { compileCaller } from '../identity/match.ts'
import { API_KEY, anonymous, type Peer } from '../identity/peer.ts'
import { deniedByDefault, isCanonicalPath } from './decide.ts'
import type { Decision, PolicyQuestion } from './decision.ts'
import { summaryOf } from './explain.ts'
import type { Policy } from './policy.ts'
import { isKeyAlone } from './rule.ts'

const RULE = 'allow-authenticated'
const ALLOWED: Decision = Object.freeze({ effect: 'allow', rule: RULE })

/**
 * Makes the policy of one rule: callers who have proven who they are may call everything. For tests and first steps; in
 * production say who may call what (`policyFile`, `definePolicy`).
 *
 * It proves nothing about what a caller may do: with no argument, every workload and every other principal whom some
 * accepted proof stands for gets in, and none who proved nothing or shows an API key alone: for keys write a rule that
 * lists `api-key` under `authenticatedBy`.
 *
 * @param from patterns of callers, as in a rule; default everybody who is authenticated
 * @throws `option-invalid` for a pattern that is none, or `anonymous`
 * @example
 * app.use(guard(ledger, { policy: allowAuthenticated('spiffe://acme.internal/*') }))
 * @see NIST SP 800-204B §5.2.1
 */
export function allowAuthenticated(...from: string[]): Policy {
  const covers = from.map((pattern) => {
    // Condition: a policy for the authenticated that names the anonymous is refused.
    if (pattern === anonymous.id) {
      throw new CountersignError('option-invalid', {
        detail: {
          option: 'allowAuthenticated',
          fix: '"anonymous" is not authenticated: write a rule with definePolicy',
        },
      })
    }
    return compileCaller(pattern)
  })
  const isMeant = ({ peer }: PolicyQuestion) => {
    const { id, authenticatedBy } = peer
    // Condition: who proved nothing is not among the authenticated.
    if (id === anonymous.id || authenticatedBy === anonymous.authenticatedBy) return false
    // Condition: who shows an API key alone is not among the authenticated.
    if (isKeyAlone(peer)) return false
    return covers.length === 0 || covers.some((matches) => matches(id))
  }
  const decide = (question: PolicyQuestion) =>
    isMeant(question) && isCanonicalPath(question.path) ? ALLOWED : deniedByDefault
  const explain = (question: PolicyQuestion) => {
    const matches = isMeant(question)
    const because = matches ? 'The caller is one that it means.' : unmet(question.peer)
    const finding = { rule: RULE, effect: 'allow', mode: 'enforce', matches, because: [because] } as const
    const decision = decide(question)
    return { decision, summary: summaryOf(decision, question), rules: isCanonicalPath(question.path) ? [finding] : [] }
  }
  return Object.freeze({ decide, explain, demandsSealing: false })
}

function unmet(peer: Peer): string {
  return isKeyAlone(peer)
    ? `The caller shows an API key alone: that opens only rules which list "${API_KEY}" under "authenticatedBy".`
    : 'The caller is none that it means.'
}
