import { type CreatedApiKey, createApiKey } from '../../../src/peer/api-key/create-api-key.ts'
import { newKeyText } from '../../../src/peer/api-key/key-text.ts'
import type { ApiKeyRecord } from '../../../src/peer/api-key/record.ts'

/** A key of somebody, with a record that is changed afterwards. */
export async function keyOf(owner = 'billing', more: Partial<ApiKeyRecord> = {}): Promise<CreatedApiKey> {
  const { key, record } = await createApiKey({ owner, scopes: ['read'] })
  return { key, record: { ...record, ...more } }
}

/** Another key that is spelled rightly and goes by the same id: what a guesser has. */
export function forgedFor(id: string, crcOf: (start: string) => string): string {
  const start = newKeyText()
    .text.slice(0, -6)
    .replace(/^csk_.{11}/, `csk_${id}`)
  return start + crcOf(start)
}
