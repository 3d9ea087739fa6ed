import { systemClock } from '../../core/clock.ts'
import { CountersignError } from '../../core/errors.ts'
import { checkOptions } from '../../core/options.ts'
import type { CreateApiKeyOptions } from './create-api-key-options.ts'
import { hashOfKey, newKeyText } from './key-text.ts'
import type { ApiKeyRecord } from './record.ts'
import { createApiKeySchema } from './schema.ts'

/** A key that was just made. */
export interface CreatedApiKey {
  /** The key itself: to be shown to its owner once, and kept by nobody else. */
  readonly key: string
  /** What to store of it. */
  readonly record: ApiKeyRecord
}

/**
 * Makes an API key: its text, to be shown once, and the record to store, which holds a hash of it and opens nothing. The
 * text is `csk_`, an id of 11 characters, `_`, a secret of 43 and a checksum of 6, in base62: 256 bits at random, found by
 * `\bcsk_[0-9A-Za-z]{11}_[0-9A-Za-z]{49}\b`. To rotate a key, make another for the same owner and give the record of the old
 * one an `expiresAt`: until then both hold.
 *
 * A key is a bearer secret: it proves that who shows it has it, and nothing of who that is, of the request or of its body.
 *
 * @param options the owner, the scopes, and when the key ends
 * @throws {CountersignError} `option-invalid` for a name that is none, and for an end that has passed
 * @example
 * const { key, record } = await createApiKey({ owner: 'billing-export', scopes: ['invoices:read'] })
 * store.add(record)
 * console.log(key) // once
 * @see RFC 6750 §5.3, on what holds for every bearer secret
 */
export async function createApiKey(options: CreateApiKeyOptions): Promise<CreatedApiKey> {
  const checked = checkOptions(createApiKeySchema, options, 'createApiKey options')
  const { owner, scopes, expiresAt, clock = systemClock } = checked
  const createdAt = clock.now()
  // Condition: an API key that would end before it begins is refused.
  if (expiresAt !== undefined && !(createdAt < expiresAt)) {
    const fix = 'give epoch milliseconds that lie ahead, or leave it out'
    throw new CountersignError('option-invalid', { detail: { option: 'createApiKey options.expiresAt', fix } })
  }
  const { id, text } = newKeyText()
  const ending = expiresAt === undefined ? {} : { expiresAt }
  const hash = await hashOfKey(text)
  const record = Object.freeze({ id, owner, scopes: Object.freeze([...scopes]), hash, createdAt, ...ending })
  return Object.freeze({ key: text, record })
}
