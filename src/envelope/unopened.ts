import { CountersignError } from '../core/errors.ts'

/** Where the reading of an envelope stopped. */
export type OpenStep =
  | 'malformed'
  | 'unsupported'
  | 'truncated'
  | 'stream-head'
  | 'trailing'
  | 'no-recipient'
  | 'unwrap-failed'
  | 'header-mac'
  | 'commitment'
  | 'chunk-auth'
  | 'too-large'

/** The one error of a reader. The step is for the operator: told to a stranger it would be an oracle. */
export function unopened(step: OpenStep, keyId?: string): CountersignError {
  return new CountersignError('unopened', { detail: keyId === undefined ? { step } : { step, keyId } })
}
