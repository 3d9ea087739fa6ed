import * as z from 'zod'
import { CountersignError } from './errors.ts'

/** Checks options once, where they are given; the error names the option and says what is expected there. */
export function checkOptions<T>(schema: z.ZodType<T>, value: unknown, name: string): T {
  const result = schema.safeParse(value)
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
