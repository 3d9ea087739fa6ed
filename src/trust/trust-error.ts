import { CountersignError, isCountersignError } from '../core/errors.ts'

/** A source of the user's own may throw anything. */
export function asTrustError(error: unknown): CountersignError {
  if (isCountersignError(error)) return error
  const detail = { option: 'trust', fix: 'the source failed to give a bundle' }
  return new CountersignError('trust-invalid', { cause: error, detail })
}
