import { CountersignError, isCountersignError } from '../core/errors.ts'

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

const COPY = 'take a copy as it was sealed'

const fixes: Readonly<Record<OpenStep, string>> = Object.freeze({
  malformed: 'it is no envelope that can be read: give what was sealed, byte for byte',
  unsupported: 'it is an envelope of another version: open it with one of this library that knows it',
  truncated: `it is no envelope, or its end is missing: ${COPY}`,
  'stream-head': 'it is another envelope than the one that was announced',
  trailing: `there is more behind its end: ${COPY}`,
  'no-recipient': 'it was sealed to no key of this keyring: inspect it, and add the key it names',
  'unwrap-failed': 'the key of this id is not the one it was sealed to, or its header was changed',
  'header-mac': `its header was changed: ${COPY}`,
  commitment: 'it was sealed under another context, or was put together: give the context it was sealed with',
  'chunk-auth': `its body was changed or cut off: ${COPY}`,
  'too-large': 'it holds more than it may: raise maxPlaintextBytes',
})

/** Names the file that did not open, and what to do: for whoever chose the file. Any other failure stays what it is. */
export function unopenedFile(path: string, error: unknown): unknown {
  if (!isCountersignError(error, 'unopened')) return error
  const fix = fixes[error.detail.step as OpenStep]
  return new CountersignError('unopened', { cause: error.cause, detail: { ...error.detail, option: path, fix } })
}
