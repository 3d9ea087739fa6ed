import { type CountersignError, isCountersignError } from '../../src/core/errors.ts'

function asRefusal(error: unknown): CountersignError {
  if (isCountersignError(error)) return error
  throw error
}

/** The error with which something is refused; fails where it is not. */
export function refusal(attempt: () => unknown): CountersignError {
  try {
    attempt()
  } catch (error) {
    return asRefusal(error)
  }
  throw new Error('it was not refused')
}

/** The same for what answers with a promise. */
export async function refusalOf(attempt: () => unknown): Promise<CountersignError> {
  try {
    await attempt()
  } catch (error) {
    return asRefusal(error)
  }
  throw new Error('it was not refused')
}
