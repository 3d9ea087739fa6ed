import { expect } from 'vitest'
import { CountersignError } from '../../src/core/errors.ts'

/** The error a function throws, which has to be one of this library's. */
export function refusal(body: () => unknown): CountersignError {
  try {
    body()
  } catch (error) {
    if (error instanceof CountersignError) return error
    throw error
  }
  return expect.fail('nothing was refused')
}

/** What was refused, and at which step. */
export function refused(body: () => unknown): [string, string | undefined] {
  const { code, detail } = refusal(body)
  return [code, detail.step]
}
