import { CountersignError, type ErrorDetail, isCountersignError } from '../../core/errors.ts'
import { andThen, type MaybePromise } from '../../core/maybe-promise.ts'
import type { NoticeType, Report } from '../../core/notice.ts'
import { checkOptions } from '../../core/options.ts'
import { fileSource } from '../../keys/file-source.ts'
import type { Source } from '../../keys/source.ts'
import type { Watch } from '../../platform/platform.ts'
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

interface Version {
  /** What it was read from: the same text again is no change. */
  readonly text: string
  readonly records: ReadonlyMap<string, ApiKeyRecord>
}

class FollowedApiKeys {
  readonly #path: string
  readonly #source: Source<Version>
  readonly #watch: Watch | undefined
  readonly #reports = new Set<Report>()
  readonly #lastUse: LastUseFile | undefined
  #current: Version | undefined
  /** Why the newest version is not in use: who listens only later hears of it too. */
  #failure: unknown
  #isClosed = false
  #isWaiting = false
  #queue: Promise<void>

  constructor(path: string, lastUse: string | false) {
    this.#path = path
    this.#source = fileSource(path, (text) => ({ text, records: parseKeyFile(text) }))
    if (lastUse !== false) {
      this.#lastUse = new LastUseFile(lastUse, {
        isKnown: (id) => this.#current?.records.has(id) === true,
        failed: (detail) => this.#tell('api-keys.use-unwritten', detail),
      })
    }
    // Watching begins before the first reading, so that no change falls between the two.
    this.#watch = this.#source.watch?.(() => this.#reload())
    this.#queue = this.#load()
  }

  asStore(): ApiKeyFile & FollowedStore {
    return Object.freeze({
      ...followed,
      find: (id: string) => this.#find(id),
      touched: (id: string, at: number) => this.#lastUse?.touched(id, at),
      ready: () => this.#ready(),
      flush: async () => this.#lastUse?.flush(),
      close: () => this.#close(),
      bindReport: (report: Report) => this.#bind(report),
    })
  }

  #find(id: string): MaybePromise<ApiKeyRecord | undefined> {
    const isRead = this.#current !== undefined || this.#failure !== undefined
    return andThen(isRead ? undefined : this.#queue, () => this.#inUse().records.get(id))
  }

  #inUse(): Version {
    // Condition: an API key file that could not be read or used gives no answer about any key.
    if (this.#current === undefined) throw this.#failure ?? closedEarly()
    return this.#current
  }

  async #ready(): Promise<void> {
    await this.#queue
    this.#inUse()
  }

  /** One reading at a time, in order: none that began earlier can end later and put an older version in place. */
  #reload(): void {
    if (this.#isWaiting) return
    this.#isWaiting = true
    this.#queue = this.#queue.then(() => {
      this.#isWaiting = false
      return this.#load()
    })
  }

  async #load(): Promise<void> {
    if (this.#isClosed) return
    try {
      this.#take(await this.#source.load())
    } catch (error) {
      // Condition: an invalid or half written new version of an API key file leaves the one before in place.
      this.#failure = error
      this.#tell('api-keys.rejected', this.#detailOf(error))
    }
  }

  #take(version: Version): void {
    const isFirst = this.#current === undefined && this.#failure === undefined
    this.#failure = undefined
    if (version.text === this.#current?.text) return
    this.#current = version
    if (!isFirst) this.#tell('api-keys.changed', { option: this.#path })
  }

  #detailOf(error: unknown): ErrorDetail {
    return isCountersignError(error) ? error.detail : { option: this.#path }
  }

  #tell(type: NoticeType, detail: ErrorDetail): void {
    if (this.#isClosed) return
    for (const report of this.#reports) report(type, detail)
  }

  #bind(report: Report): void {
    if (this.#reports.has(report)) return
    this.#reports.add(report)
    if (this.#failure !== undefined) report('api-keys.rejected', this.#detailOf(this.#failure))
  }

  async #close(): Promise<void> {
    this.#isClosed = true
    this.#watch?.close()
    await this.#lastUse?.flush()
  }
}

function closedEarly(): CountersignError {
  const fix = 'it was closed before it was read'
  return new CountersignError('option-invalid', { detail: { option: 'apiKeyFile', fix } })
}
