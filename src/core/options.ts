import * as z from 'zod'
import { CountersignError } from './errors.ts'

const MAX_SHOWN = 64

const oneOf = (values: readonly unknown[]) => `write ${values.map((value) => JSON.stringify(value)).join(' or ')}`

/** What to say of a value where its schema says nothing of its own. It quotes names of members and no value. */
export function plainly(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'unrecognized_keys':
      return `"${String(issue.keys[0]).slice(0, MAX_SHOWN)}" is not known here: remove it or correct its name`
    case 'invalid_type':
      return `give a value of type ${issue.expected}`
    case 'invalid_value':
      return oneOf(issue.values)
    case 'invalid_union':
      return Array.isArray(issue.options) ? oneOf(issue.options) : undefined
    default:
      return undefined
  }
}

/** Checks options once, where they are given; the error names the option and says what is expected there. */
export function checkOptions<T>(schema: z.ZodType<T>, value: unknown, name: string): T {
  const result = schema.safeParse(value, { error: plainly })
  if (result.success) return result.data
  const issue = result.error.issues[0]
  const path = issue === undefined || issue.path.length === 0 ? '' : `.${issue.path.join('.')}`
  throw new CountersignError('option-invalid', {
    detail: { option: `${name}${path}`, fix: issue?.message ?? 'invalid' },
  })
}

/** A schema for a value that has these methods, whatever else it is. */
export function withMethods<T>(hint: string, ...methods: string[]): z.ZodType<T> {
  return z.custom<T>((value) => {
    if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return false
    return methods.every((method) => typeof (value as Record<string, unknown>)[method] === 'function')
  }, hint)
}
