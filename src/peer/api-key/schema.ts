import * as z from 'zod'
import { fromBase64url } from '../../core/base64url.ts'
import type { Clock } from '../../core/clock.ts'
import { withMethods } from '../../core/options.ts'
import { readDocument } from '../../keys/schema.ts'
import type { ApiKeyFileOptions } from './api-key-file-options.ts'
import type { ApiKeyOptions } from './api-key-options.ts'
import type { CreateApiKeyOptions } from './create-api-key-options.ts'
import { KEY_ID } from './key-text.ts'
import type { ApiKeyRecord } from './record.ts'
import { isOwner, isScope, LAST_MS } from './record-text.ts'
import type { ApiKeyStore } from './store.ts'

const HASH_BYTES = 32
const MOST_SCOPES = 64

const isHash = (text: string) => fromBase64url(text)?.length === HASH_BYTES
const owner = z
  .string('write a text')
  .refine(isOwner, 'write 1 to 128 printable ASCII characters without spaces and asterisks, not beginning with "//"')
const scope = z
  .string('write a text')
  .refine(isScope, 'write 1 to 128 printable ASCII characters without spaces, quotes and backslashes')
const scopes = z
  .array(scope, 'write a list of scopes, which may be empty')
  .max(MOST_SCOPES, `write at most ${MOST_SCOPES} scopes`)
  .refine((list) => new Set(list).size === list.length, 'write each scope once')
const moment = z.int('write epoch milliseconds').min(0).max(LAST_MS)

/** What is kept of a key. */
export const recordSchema: z.ZodType<ApiKeyRecord> = z.strictObject({
  id: z.string('write a text').regex(KEY_ID, 'write the 11 characters behind "csk_" in the key'),
  owner,
  scopes,
  hash: z.string('write a text').refine(isHash, 'write 32 bytes as base64url without padding, never the key itself'),
  createdAt: moment,
  expiresAt: moment.exactOptional(),
  revokedAt: moment.exactOptional(),
})

const fileSchema = z.strictObject(
  { keys: z.array(recordSchema, 'write a list of records') },
  'write an object: { "keys": […] }',
)

/** Reads the records of a file; the error names the place. */
export function readRecords(json: unknown): readonly ApiKeyRecord[] {
  return readDocument(fileSchema, json, 'option-invalid').keys
}

/** Checks what a key is made from. */
export const createApiKeySchema: z.ZodType<CreateApiKeyOptions> = z.strictObject({
  owner,
  scopes,
  expiresAt: moment.exactOptional(),
  clock: withMethods<Clock>('give an object with a now method', 'now').exactOptional(),
})

/** Checks how keys are accepted. */
export const apiKeySchema: z.ZodType<ApiKeyOptions> = z.strictObject({
  store: withMethods<ApiKeyStore>('give a store: apiKeyFile(path), memoryApiKeys(records) or one of your own', 'find'),
  header: z
    .string('give the name of a header field')
    .regex(/^[a-z0-9-]{1,64}$/, 'give the name of a header field in lower case')
    .exactOptional(),
})

/** Checks how a file of keys is used. */
export const apiKeyFileSchema: z.ZodType<ApiKeyFileOptions> = z.strictObject({
  lastUse: z.union([z.string().min(1), z.literal(false)], 'give the path of a file, or false').exactOptional(),
})
