import { CountersignError } from '../../core/errors.ts'
import { andThen, type MaybePromise } from '../../core/maybe-promise.ts'
import type { Report } from '../../core/notice.ts'
import { checkOptions } from '../../core/options.ts'
import { ReportedFile } from '../../keys/reported-file.ts'
import type { ApiKeyFileOptions } from './api-key-file-options.ts'
import { type FollowedStore, followed } from './followed.ts'
import { parseKeyFile } from './key-file.ts'
import { LastUseFile, lastUsePath } from './last-use.ts'
import type { ApiKeyRecord } from './record.ts'
import { apiKeyFileSchema } from './schema.ts'
import type { ApiKeyStore } from './store.ts'

/** A store of API keys that follows a file. */
export interface ApiKeyFile extends ApiKeyStore {
  /** At once when the file has been read, before that with a promise. Throws as long as no version could be used. */
  find(id: string): MaybePromise<ApiKeyRecord | undefined>
  touched(id: string, at: number): void
  /** Resolves when a version of the file is in use; rejects with what is wrong with it where there is none. */
  ready(): Promise<void>
  /** Stops watching, and writes when keys were last used. What was read last stays in use. */
  close(): Promise<void>
}

/**
 * Makes a store of API keys from the JSON file that `countersign keys api` writes, read at once and watched. A valid new
 * version takes the place of the old one as a whole, between two calls, so that a key that is revoked there is refused
 * within seconds; of an invalid or half written one nothing is used, the old one stays, and the audit trail says so
 * (`api-keys.rejected`). Until the first version is read calls wait; where it cannot be used they are answered with 503.
 *
 * When keys were last used is written to a file beside it, at most once a minute, and when it or the workload is closed.
 *
 * The file holds hashes: who can read it cannot call with them. Who can write it decides whose keys hold.
 *
 * @param path where the file is; relative to the working directory
 * @throws {CountersignError} `option-invalid`, `no-disk`; from `ready()` and `find`: `option-invalid` naming file, place and fix
 * @example
 * const store = apiKeyFile('countersign/api-keys.json')
 * await store.ready() // to fail at start and not at the first call
 * app.use(guard(ledger, { policy, accept: [workloadProof(), apiKey({ store })] }))
 */
export function apiKeyFile(path: string, options: ApiKeyFileOptions = {}): ApiKeyFile {
  // Condition: an API key file without a path is refused.
  if (typeof path !== 'string' || path === '') {
    const fix = 'give the path of a file of keys, such as countersign/api-keys.json'
    throw new CountersignError('option-invalid', { detail: { option: 'apiKeyFile', fix } })
  }
  const { lastUse = lastUsePath(path) } = checkOptions(apiKeyFileSchema, options, 'apiKeyFile options')
  // Condition: an API key file that its own last uses would overwrite is refused.
  if (lastUse === path) {
    const fix = 'give another file than that of the keys'
    throw new CountersignError('option-invalid', { detail: { option: 'apiKeyFile options.lastUse', fix } })
  }
  return new FollowedApiKeys(path, lastUse).asStore()
}

type Records = ReadonlyMap<string, ApiKeyRecord>

class FollowedApiKeys {
  readonly #followed: ReportedFile<Records>
  readonly #lastUse: LastUseFile | undefined

  constructor(path: string, lastUse: string | false) {
    const notices = { changed: 'api-keys.changed', rejected: 'api-keys.rejected' } as const
    const options = { path, parse: parseKeyFile, code: 'option-invalid', unread } as const
    this.#followed = new ReportedFile<Records>(options, notices)
    if (lastUse === false) return
    this.#lastUse = new LastUseFile(lastUse, {
      isKnown: (id) => this.#followed.file.held?.has(id) === true,
      failed: (detail) => this.#followed.tell('api-keys.use-unwritten', detail),
    })
  }

  asStore(): ApiKeyFile & FollowedStore {
    const { file } = this.#followed
    return Object.freeze({
      ...followed,
      find: (id: string) => andThen(file.soon(), (records) => records.get(id)),
      touched: (id: string, at: number) => this.#lastUse?.touched(id, at),
      ready: () => file.ready(),
      flush: async () => this.#lastUse?.flush(),
      close: () => this.#close(),
      bindReport: (report: Report) => this.#followed.bind(report),
    })
  }

  async #close(): Promise<void> {
    this.#followed.close()
    await this.#lastUse?.flush()
  }
}

function unread(): CountersignError {
  const fix = 'it is not read yet: wait for ready()'
  return new CountersignError('option-invalid', { detail: { option: 'apiKeyFile', fix } })
}
