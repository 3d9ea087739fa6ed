/** How far behind the highest counter a call may come in and still be told from a copy. */
export const WINDOW_WIDTH = 8192

const WORD_BITS = 32
const WORDS = WINDOW_WIDTH / WORD_BITS

/** When claims were made and until when they count, on both clocks, in milliseconds. */
export interface ClaimTimes {
  readonly now: number
  readonly monotonicMs: number
  /** Epoch milliseconds: from then on nobody accepts the call any more. */
  readonly until: number
}

/**
 * Remembers which calls of one session were made: every counter once, in any order within the window; what has fallen
 * out of it counts as made. It costs a kilobyte from the first claim on, however many calls there are.
 */
export class Window {
  #made: Uint32Array | undefined
  #highest = 0
  #until = Number.NEGATIVE_INFINITY
  #heldUntilMs = Number.NEGATIVE_INFINITY

  claim(counter: number, { now, monotonicMs, until }: ClaimTimes): 'fresh' | 'seen' {
    this.#made ??= new Uint32Array(WORDS)
    // Condition: a counter that has fallen out of the window of its session counts as used.
    if (counter <= this.#highest - WINDOW_WIDTH) return 'seen'
    if (counter > this.#highest) this.#advance(this.#made, counter)
    const word = Math.floor(counter / WORD_BITS) % WORDS
    const bit = 1 << (counter % WORD_BITS)
    const bits = this.#made[word] as number
    // Condition: a counter of a session that was used before is refused, in whatever order calls come in.
    if ((bits & bit) !== 0) return 'seen'
    this.#made[word] = bits | bit
    this.#until = Math.max(this.#until, until)
    this.#heldUntilMs = Math.max(this.#heldUntilMs, monotonicMs + until - now)
    return 'fresh'
  }

  /** Whether every call that was claimed here has expired, by both clocks: then nobody needs the window any more. */
  isOver(now: number, monotonicMs: number): boolean {
    return now > this.#until && monotonicMs > this.#heldUntilMs
  }

  /** Epoch milliseconds: when the last call that was claimed here expires. */
  get until(): number {
    return this.#until
  }

  get bytes(): number {
    return this.#made?.byteLength ?? 0
  }

  /** Makes room up to a new highest counter: what was remembered of the places it takes is too old by then. */
  #advance(made: Uint32Array, counter: number): void {
    if (counter - this.#highest >= WINDOW_WIDTH) made.fill(0)
    else {
      for (let passed = this.#highest + 1; passed <= counter; passed++) {
        const word = Math.floor(passed / WORD_BITS) % WORDS
        made[word] = (made[word] as number) & ~(1 << (passed % WORD_BITS))
      }
    }
    this.#highest = counter
  }
}
