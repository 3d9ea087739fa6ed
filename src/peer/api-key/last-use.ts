import { platform } from '#platform'
import { utf8 } from '../../core/bytes.ts'
import { type ErrorDetail, isCountersignError } from '../../core/errors.ts'
import { type Schedule, systemSchedule, type Timer } from '../../core/schedule.ts'
import { KEY_ID } from './key-text.ts'
import { LAST_MS } from './record-text.ts'

const WRITE_EVERY_MS = 60_000

/** When keys were last used, by their ids. */
export type LastUses = ReadonlyMap<string, number>

/** Where it is written beside a file of keys, unless it is told otherwise. */
export function lastUsePath(path: string): string {
  return `${path}.last-use.json`
}

/** Reads what was written. It only informs: what is not there, or not to be understood, says nothing. */
export async function readLastUses(path: string): Promise<LastUses> {
  try {
    const document: unknown = JSON.parse(await platform.readText(path))
    const entries = Object.entries((document as { lastUse?: object }).lastUse ?? {})
    return new Map(
      entries.filter(([id, at]) => KEY_ID.test(id) && Number.isSafeInteger(at) && at >= 0 && at <= LAST_MS),
    )
  } catch {
    return new Map()
  }
}

/** What keeps track of uses needs besides a path. */
export interface LastUseOptions {
  /** Whose uses are kept: what is no key any more is forgotten. */
  isKnown(id: string): boolean
  /** Is told once why nothing can be written, until it can be again. */
  failed(detail: ErrorDetail): void
  readonly schedule?: Schedule
}

/** Remembers when keys were last used, and writes it to a file once a minute at most: never while a call waits. */
export class LastUseFile {
  readonly #path: string
  readonly #options: LastUseOptions
  readonly #at = new Map<string, number>()
  #timer: Timer | undefined
  #hasFailed = false
  #writing: Promise<void> = Promise.resolve()

  constructor(path: string, options: LastUseOptions) {
    this.#path = path
    this.#options = options
  }

  touched(id: string, at: number): void {
    this.#at.set(id, at)
    if (this.#timer !== undefined) return
    this.#timer = (this.#options.schedule ?? systemSchedule)(() => void this.flush(), WRITE_EVERY_MS)
    // A process that has nothing else to do ends without it.
    this.#timer.unref()
  }

  /** Writes now what was not written yet; it does not reject. */
  flush(): Promise<void> {
    if (this.#timer === undefined) return this.#writing
    this.#timer.cancel()
    this.#timer = undefined
    this.#writing = this.#writing.then(() => this.#write())
    return this.#writing
  }

  async #write(): Promise<void> {
    try {
      // Others write it, too: the later use counts.
      for (const [id, at] of await readLastUses(this.#path)) this.#at.set(id, Math.max(at, this.#at.get(id) ?? 0))
      for (const id of this.#at.keys()) if (!this.#options.isKnown(id)) this.#at.delete(id)
      const text = `${JSON.stringify({ lastUse: Object.fromEntries(this.#at) }, null, 2)}\n`
      await platform.writeWhole(this.#path, (write) => write(utf8(text)))
      this.#hasFailed = false
    } catch (error) {
      if (!this.#hasFailed) this.#options.failed(isCountersignError(error) ? error.detail : { option: this.#path })
      this.#hasFailed = true
    }
  }
}
