import { CountersignError } from '../core/errors.ts'

/** A covered component that has no value in this message: its signature cannot hold. */
export function underivable(name: string): CountersignError {
  return new CountersignError('proof-invalid', { detail: { step: name } })
}
