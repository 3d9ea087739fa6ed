/** A token that held, and under which version of the keys that vouch for it. */
export interface HeldToken<T> {
  readonly generation: number
  readonly value: T
}

const MAX_ENTRIES = 1000

/**
 * Remembers tokens that held, by their whole text: one with another spelling is another token. Only what held is
 * remembered, so a stranger cannot fill this memory; the oldest goes first.
 */
export class HeldTokens<T> {
  readonly #maxEntries: number
  readonly #held = new Map<string, HeldToken<T>>()
  readonly #pending = new Map<string, Promise<T>>()

  constructor(maxEntries = MAX_ENTRIES) {
    this.#maxEntries = maxEntries
  }

  find(token: string): HeldToken<T> | undefined {
    return this.#held.get(token)
  }

  forget(token: string): void {
    this.#held.delete(token)
  }

  /** Examines a token once, however many ask at the same time under the same version, and remembers it if it held. */
  examine(token: string, generation: number, examine: () => Promise<HeldToken<T>>): Promise<T> {
    const name = `${generation} ${token}`
    const started = this.#pending.get(name)
    if (started !== undefined) return started
    const promise = examine()
      .then((found) => this.#remember(token, found))
      .finally(() => this.#pending.delete(name))
    this.#pending.set(name, promise)
    return promise
  }

  #remember(token: string, found: HeldToken<T>): T {
    this.#held.delete(token)
    const oldest = this.#held.keys().next()
    if (this.#held.size >= this.#maxEntries && !oldest.done) this.#held.delete(oldest.value)
    this.#held.set(token, found)
    return found.value
  }
}
