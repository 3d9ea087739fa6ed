import * as z from 'zod'
import type { Clock } from '../core/clock.ts'
import { CountersignError, isCountersignError } from '../core/errors.ts'
import { withMethods } from '../core/options.ts'
import { compileCaller } from '../identity/match.ts'
import type { PolicyDocument } from './document.ts'
import type { PolicyOptions } from './policy-options.ts'
import { parseRoute } from './route.ts'

/** Members of the policy document that later versions will read; to ignore them would allow what they forbid. */
const LATER = new Set(['zones', 'limit'])
const MAX_SHOWN = 64
const RULE_ID = /^[\x21-\x7e](?:[\x20-\x7e]{0,254}[\x21-\x7e])?$/

/** A text that a parser takes; what the parser says against it becomes the message. */
function parsed(parse: (text: string) => unknown) {
  return z.string('write a text').superRefine((text, context) => {
    try {
      parse(text)
    } catch (error) {
      if (!isCountersignError(error)) throw error
      context.addIssue({ code: 'custom', message: error.detail.fix ?? 'invalid' })
    }
  })
}

const name = z.string('write a text').min(1, 'write a name that is not empty')
const listOf = <T extends z.ZodType>(entry: T) => z.array(entry, 'write a list').min(1, 'name at least one')
const EFFECT = 'write "allow" or "deny"'
const MODE = 'write "enforce" or "observe", or leave it out'
const WHEN = 'write an object with "sealed", "authenticatedBy" or "scope"'
const MOMENT = 'write an RFC 3339 date and time with an offset, such as "2027-03-01T00:00:00Z"'

const ruleSchema = z.strictObject(
  {
    id: z.string('give the rule an id').regex(RULE_ID, 'write 1 to 256 printable ASCII characters'),
    effect: z.enum(['allow', 'deny'], EFFECT),
    from: listOf(parsed(compileCaller)),
    to: listOf(parsed(parseRoute)),
    when: z
      .strictObject(
        {
          sealed: z.literal(true, 'write true, or leave it out').exactOptional(),
          authenticatedBy: listOf(name).exactOptional(),
          scope: listOf(name).exactOptional(),
        },
        WHEN,
      )
      .exactOptional(),
    mode: z.enum(['enforce', 'observe'], MODE).exactOptional(),
    // Condition: a rule that ends at a moment that does not exist or has no offset is refused.
    notAfter: z.iso.datetime({ offset: true, error: MOMENT }).exactOptional(),
  },
  'write a rule: { "id", "effect", "from", "to" }',
)

const documentSchema = z.strictObject(
  {
    version: z.literal(1, 'write 1: the version of the policy document'),
    rules: z.array(ruleSchema, 'write a list of rules'),
  },
  'write an object: { "version": 1, "rules": […] }',
) satisfies z.ZodType<PolicyDocument>

/** Checks what a policy is given besides its document. */
export const policyOptionsSchema: z.ZodType<PolicyOptions> = z.strictObject({
  clock: withMethods<Clock>('give an object with a now method', 'now').exactOptional(),
})

/** Reads a policy document strictly; the error names the place, as in `rules[3].to[0]`, and the fix. */
export function readPolicyDocument(value: unknown): PolicyDocument {
  const result = documentSchema.safeParse(value)
  if (!result.success) throw invalid(result.error)
  const seen = new Set<string>()
  result.data.rules.forEach(({ id }, i) => {
    // Condition: a policy with two rules of one id is refused.
    if (seen.has(id)) throw policyInvalid(`rules[${i}].id`, 'give each rule an id of its own')
    seen.add(id)
  })
  return result.data
}

function policyInvalid(option: string, fix: string): CountersignError {
  return new CountersignError('policy-invalid', { detail: { option, fix } })
}

function invalid(error: z.ZodError): CountersignError {
  const issue = error.issues[0]
  if (issue === undefined) return policyInvalid('policy', 'invalid')
  if (issue.code !== 'unrecognized_keys') return policyInvalid(placeOf(issue.path), issue.message)
  const member = issue.keys.find((key) => LATER.has(key))
  // Condition: a policy that asks for zones or limits is refused, not obeyed in part.
  if (member !== undefined) return policyInvalid(placeOf([...issue.path, member]), 'not supported in this version')
  // Condition: a policy with a member that is not known is refused.
  const unknown = (issue.keys[0] ?? '').slice(0, MAX_SHOWN)
  return policyInvalid(placeOf([...issue.path, unknown]), 'no such member: remove it or correct its name')
}

function placeOf(path: readonly PropertyKey[]): string {
  if (path.length === 0) return 'policy'
  return path.reduce<string>((place, step) => {
    if (typeof step === 'number') return `${place}[${step}]`
    return place === '' ? String(step) : `${place}.${String(step)}`
  }, '')
}
