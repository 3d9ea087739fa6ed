import { systemClock } from '../../core/clock.ts'
import { CountersignError } from '../../core/errors.ts'
import { checkOptions } from '../../core/options.ts'
import type { ApiKeyEntry, ApiKeyRecord } from './record.ts'
import { recordSchema } from './schema.ts'
import type { ApiKeyStore } from './store.ts'

/** API keys in the memory of this process. */
export interface MemoryApiKeys extends ApiKeyStore {
  find(id: string): ApiKeyRecord | undefined
  touched(id: string, at: number): void
  /** Takes a record; throws `option-invalid` for one that is not whole, and for an id that is there. */
  add(record: ApiKeyRecord): void
  /** Ends a key at a moment, in epoch milliseconds, and never later than it would end anyway. Tells whether there is such a key. */
  expire(id: string, at: number): boolean
  /** Ends a key at once. Tells whether there is such a key. */
  revoke(id: string): boolean
  /** All records, in the order they were added. */
  list(): readonly ApiKeyEntry[]
}

/**
 * Makes a store of API keys in memory. What is revoked is refused from the next call on. It is gone with the process, and
 * other processes do not see it.
 *
 * @param records what it begins with
 * @throws {CountersignError} `option-invalid` naming what is wrong with a record
 * @example
 * const store = memoryApiKeys()
 * const { key, record } = await createApiKey({ owner: 'billing-export', scopes: [] })
 * store.add(record)
 * app.use(guard(ledger, { policy, accept: [apiKey({ store })] }))
 */
export function memoryApiKeys(records: readonly ApiKeyRecord[] = []): MemoryApiKeys {
  const known = new Map<string, ApiKeyEntry>()
  const change = (id: string, made: (entry: ApiKeyEntry) => Partial<ApiKeyEntry>) => {
    const entry = known.get(id)
    if (entry !== undefined) known.set(id, Object.freeze({ ...entry, ...made(entry) }))
    return entry !== undefined
  }
  const add = (given: ApiKeyRecord) => {
    const record = checkOptions(recordSchema, given, 'API key')
    // Condition: a second API key of one id is not taken into the memory.
    if (known.has(record.id)) {
      const fix = 'its id is there already: a record is changed by expire and revoke alone'
      throw new CountersignError('option-invalid', { detail: { option: 'API key', fix } })
    }
    known.set(record.id, Object.freeze({ ...record, scopes: Object.freeze([...record.scopes]) }))
  }
  for (const record of records) add(record)
  return Object.freeze({
    add,
    find: (id: string) => known.get(id),
    touched: (id: string, at: number) => void change(id, () => ({ lastUsedAt: at })),
    expire: (id: string, at: number) => change(id, ({ expiresAt = at }) => ({ expiresAt: Math.min(expiresAt, at) })),
    revoke: (id: string) => change(id, ({ revokedAt = systemClock.now() }) => ({ revokedAt })),
    list: () => [...known.values()],
  })
}
