import type { Code } from '../core/codes.ts'
import type { CountersignError } from '../core/errors.ts'
import type { MaybePromise } from '../core/maybe-promise.ts'
import { oneAtATime } from '../core/one-at-a-time.ts'
import type { Watch } from '../platform/platform.ts'
import { fileSource } from './file-source.ts'

/** A file to follow, and what is made of it. */
export interface FollowedFileOptions<T> {
  readonly path: string
  /** Throws where the text is not what it should be. */
  readonly parse: (text: string) => T
  /** What an unreadable file or broken JSON is reported as. */
  readonly code: Code
  /** What is said where it was not read yet. */
  readonly unread: () => CountersignError
  /** Another version is in use. The first is none. */
  readonly changed?: () => void
  /** The newest version is not used, and why. */
  readonly rejected?: (error: unknown) => void
}

interface Version<T> {
  /** What it was read from: the same text again is no change. */
  readonly text: string
  readonly value: T
}

/**
 * Follows a file: read at once, and again whenever it changes. A valid new version takes the place of the old one as a
 * whole; an invalid one leaves it.
 */
export class FollowedFile<T> {
  readonly #options: FollowedFileOptions<T>
  readonly #watch: Watch | undefined
  #current: Version<T> | undefined
  #failure: unknown
  #isClosed = false
  readonly #reload: () => Promise<void>
  /** The last reading that was asked for. */
  #queue: Promise<void>

  constructor(options: FollowedFileOptions<T>) {
    this.#options = options
    // Watching begins before the first reading, so that no change falls between the two.
    this.#watch = this.#source().watch?.(() => {
      this.#queue = this.#reload()
    })
    this.#queue = this.#load()
    this.#reload = oneAtATime(() => this.#load(), this.#queue)
  }

  /** What is in use, if anything. */
  get held(): T | undefined {
    return this.#current?.value
  }

  /** Why the newest version is not in use. */
  get failure(): unknown {
    return this.#failure
  }

  /** What is in use; before the file was read for the first time, with a promise. Throws where no version could be used. */
  soon(): MaybePromise<T> {
    const isRead = this.#current !== undefined || this.#failure !== undefined
    return isRead ? this.current() : this.#queue.then(() => this.current())
  }

  current(): T {
    // Condition: a followed file of which no version could be used gives nothing.
    if (this.#current === undefined) throw this.#failure ?? this.#options.unread()
    return this.#current.value
  }

  /** Resolves when a version is in use; rejects with what is wrong with it where there is none. */
  async ready(): Promise<void> {
    await this.#queue
    this.current()
  }

  /** Stops watching. What was read last stays in use. */
  close(): void {
    this.#isClosed = true
    this.#watch?.close()
  }

  #source() {
    const { path, parse, code } = this.#options
    const known = this.#current
    const made = (text: string): Version<T> => (known?.text === text ? known : { text, value: parse(text) })
    return fileSource(path, made, code)
  }

  async #load(): Promise<void> {
    if (this.#isClosed) return
    try {
      this.#take(await this.#source().load())
    } catch (error) {
      // Condition: a new version of a followed file that cannot be used leaves the one before in place.
      this.#failure = error
      if (!this.#isClosed) this.#options.rejected?.(error)
    }
  }

  #take(version: Version<T>): void {
    const isFirst = this.#current === undefined && this.#failure === undefined
    this.#failure = undefined
    if (version === this.#current) return
    this.#current = version
    if (!isFirst && !this.#isClosed) this.#options.changed?.()
  }
}
