import type { MaybePromise } from '../../core/maybe-promise.ts'
import type { ApiKeyRecord } from './record.ts'

/**
 * Knows API keys by their ids: `apiKeyFile`, `memoryApiKeys`, or a database of yours. A store gives what it has of an id,
 * live or not: whether the key holds is decided by who asks.
 *
 * What a store owes the guard:
 * - **Closed when in doubt.** A store that is down or unsure throws, and the call is refused with 503
 *   (`keys-unavailable`). `undefined` says for certain that there is no such key.
 * - **Of now.** What is cached is revoked as late as the cache forgets.
 *
 * @example
 * const store: ApiKeyStore = { find: (id) => database.apiKeyById(id) }
 */
export interface ApiKeyStore {
  /** The record of this id; undefined where there is none. */
  find(id: string): MaybePromise<ApiKeyRecord | undefined>
  /** Hears of each use of a key that held. No call waits for it, and none fails with it. */
  touched?(id: string, at: number): MaybePromise<void>
}
