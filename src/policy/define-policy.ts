import type { PolicyDocument } from './document.ts'
import { clockOf, compileDocument, createPolicy, type Policy } from './policy.ts'
import type { PolicyOptions } from './policy-options.ts'

/**
 * Makes a policy from a document written in code. Deny by default; a deny that matches beats every allow; a decision
 * names its rule. It is read and compiled once: a decision costs as much as its path is deep, whether there are ten rules
 * or twenty thousand, and later changes of the document change nothing.
 *
 * A policy decides about a caller as the proof has shown it, a method and a path. It does not prove who calls, and it
 * does not see the body or the query: what depends on those is for the handler to decide.
 *
 * @param document the rules; see `PolicyDocument` and `PolicyRule` for what they may say
 * @throws `policy-invalid` naming the place, as in `rules[3].to[0]`, and the fix; `option-invalid`
 * @example
 * const policy = definePolicy({
 *   version: 1,
 *   rules: [
 *     {
 *       id: 'orders-may-charge',
 *       effect: 'allow',
 *       from: ['spiffe://acme.internal/orders'],
 *       to: ['POST /charges', 'GET /charges/:id'],
 *       when: { sealed: true },
 *     },
 *   ],
 * })
 * app.use(guard(payments, { policy }))
 * @see NIST SP 800-204B §5.2.1
 */
export function definePolicy(document: PolicyDocument, options: PolicyOptions = {}): Policy {
  return createPolicy(compileDocument(document), clockOf(options))
}

/**
 * Reads a policy from JSON of whatever origin: the value, not its text. Strict: a member that is not known is refused, and
 * so are `zones` and `limit`, which this version does not have; nothing is obeyed in part. Otherwise as `definePolicy`.
 *
 * @param json what `JSON.parse` gave
 * @throws `policy-invalid` naming the place, as in `rules[3].to[0]`, and the fix; `option-invalid`
 * @example
 * const policy = parsePolicy(await (await fetch('https://config.acme.internal/policy.json')).json())
 * @see NIST SP 800-204B §5.2.1
 */
export function parsePolicy(json: unknown, options: PolicyOptions = {}): Policy {
  return createPolicy(compileDocument(json), clockOf(options))
}
