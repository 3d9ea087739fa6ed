import { CountersignError } from '../core/errors.ts'

/**
 * Says at which step a token fell. `keyId` is only ever the name of a trusted key: what a stranger wrote into a header
 * stays out of errors.
 */
export function tokenInvalid(step: string, keyId?: string): CountersignError {
  return new CountersignError('token-invalid', { detail: { step, ...(keyId === undefined ? {} : { keyId }) } })
}

/** Says that nobody who is trusted vouches for a token. */
export function tokenUntrusted(step: string): CountersignError {
  return new CountersignError('token-untrusted', { detail: { step } })
}
