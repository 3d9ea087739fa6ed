import { platform } from '#platform'
import type { Bytes } from '../core/bytes.ts'
import { isCountersignError } from '../core/errors.ts'
import { optionInvalid } from './misuse.ts'

/** How long data keys that a key service has opened are kept, and how many. */
export interface OpenedKeysOptions {
  /** How many; those that were not used for longest go first. 1,000 by default; 0 keeps none. */
  readonly max?: number
  /** How long one is used before the service is asked again. 300 by default. */
  readonly lifetimeSeconds?: number
  /** How often one is used before the service is asked again. 10,000 by default. */
  readonly maxUses?: number
  /**
   * How much longer one is used while the service cannot be reached. 0 by default: what the service would not open any
   * more stays closed, at the price of an outage here for each one there.
   */
  readonly whileDownSeconds?: number
}

interface Opened {
  readonly key: Bytes
  readonly atMs: number
  uses: number
}

/** Data keys that were opened by somebody who is slow to ask: asked once by however many want one, and kept for a while. */
export class OpenedKeys {
  readonly #max: number
  readonly #lifetimeMs: number
  readonly #maxUses: number
  readonly #whileDownMs: number
  readonly #nowMs: () => number
  readonly #kept = new Map<string, Opened>()
  readonly #asked = new Map<string, Promise<Bytes>>()

  constructor(options: OpenedKeysOptions = {}, nowMs: () => number = platform.monotonicMs) {
    const { max = 1000, lifetimeSeconds = 300, maxUses = 10_000, whileDownSeconds = 0 } = options
    for (const [name, value] of Object.entries({ max, lifetimeSeconds, maxUses, whileDownSeconds })) {
      // Condition: a limit of opened data keys that is not a number from 0 is refused.
      if (typeof value !== 'number' || !(value >= 0)) throw optionInvalid(`openedKeys.${name}`, 'give a number from 0')
    }
    this.#max = max
    this.#lifetimeMs = lifetimeSeconds * 1000
    this.#maxUses = maxUses
    this.#whileDownMs = whileDownSeconds * 1000
    this.#nowMs = nowMs
  }

  /** The key of this name, as a copy. `ask` is called where it is not kept any more, once for all who wait for it. */
  async get(name: string, ask: () => Promise<Bytes>): Promise<Bytes> {
    const kept = this.#kept.get(name)
    if (kept !== undefined && this.#isUsable(kept, this.#lifetimeMs)) return this.#use(name, kept)
    try {
      const asked = this.#asked.get(name) ?? this.#ask(name, ask)
      // A copy for each who waits: whoever has imported a key forgets its bytes.
      return (await asked).slice()
    } catch (cause) {
      const isDown = isCountersignError(cause, 'key-service-unavailable')
      // Looked up anew: while the service was asked it may have had to make room, and its bytes were forgotten.
      const still = this.#kept.get(name)
      // Condition: a data key that was opened before serves on for the time that is given for outages, and no longer.
      if (isDown && still !== undefined && this.#isUsable(still, this.#lifetimeMs + this.#whileDownMs)) {
        return this.#use(name, still)
      }
      throw cause
    }
  }

  #isUsable({ atMs, uses }: Opened, forMs: number): boolean {
    return uses < this.#maxUses && this.#nowMs() - atMs < forMs
  }

  #use(name: string, kept: Opened): Bytes {
    kept.uses++
    this.#kept.delete(name)
    this.#kept.set(name, kept)
    return kept.key.slice()
  }

  #ask(name: string, ask: () => Promise<Bytes>): Promise<Bytes> {
    const asked = (async () => {
      try {
        const key = await ask()
        this.#keep(name, key)
        return key
      } finally {
        this.#asked.delete(name)
      }
    })()
    this.#asked.set(name, asked)
    return asked
  }

  #keep(name: string, key: Bytes): void {
    this.#kept.get(name)?.key.fill(0)
    this.#kept.delete(name)
    if (this.#max === 0 || this.#maxUses === 0) return
    this.#kept.set(name, { key: key.slice(), atMs: this.#nowMs(), uses: 1 })
    if (this.#kept.size <= this.#max) return
    const [oldest] = this.#kept
    if (oldest === undefined) return
    oldest[1].key.fill(0)
    this.#kept.delete(oldest[0])
  }
}
