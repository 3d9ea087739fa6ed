import type { Bytes } from '../../core/bytes.ts'
import { fromUtf8 } from '../../core/bytes.ts'
import { CountersignError } from '../../core/errors.ts'
import type { GuardSettings } from './guard-settings.ts'
import type { Authorized } from './stages.ts'

const JSON_TYPE = /^application\/json[ \t]*(?:;[ \t]*charset="?utf-8"?[ \t]*)?$/i

/** Whether the guard parses this body: told to, and JSON in the one encoding it has. */
export function isParsed({ json }: GuardSettings, { announced }: Pick<Authorized, 'announced'>): boolean {
  return json && JSON_TYPE.test(announced.contentType)
}

/** Parses a body that says it is JSON. */
export function parseJson(body: Bytes): { readonly value: unknown } {
  try {
    return { value: JSON.parse(fromUtf8(body)) }
  } catch (cause) {
    // Condition: a body that says it is JSON and is not is refused by a guard that parses it.
    throw new CountersignError('body-malformed', { cause, detail: { step: 'json' } })
  }
}
