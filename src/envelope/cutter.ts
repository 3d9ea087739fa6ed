import { andThen, inTurn, type MaybePromise } from '../core/maybe-promise.ts'

const LEAST_BYTES = 4096

/** Cuts bytes that come in any pieces into pieces of one size, and holds what is left over. */
export class Cutter {
  readonly #size: number
  #held: Uint8Array
  #length = 0

  constructor(size: number) {
    this.#size = size
    // Made when there is something to hold: what comes in whole pieces is never copied.
    this.#held = new Uint8Array(0)
  }

  /** Takes bytes, and hands each whole piece on in its turn. A piece is only there until its turn is over. */
  push(bytes: Uint8Array, use: (piece: Uint8Array) => MaybePromise<void>): MaybePromise<void> {
    let at = 0
    const pieces = Math.floor((this.#length + bytes.length) / this.#size)
    const used = inTurn(pieces, () => {
      const from = at
      at += this.#size - this.#length
      if (this.#length === 0) return use(bytes.subarray(from, at))
      this.#hold(bytes.subarray(from, at))
      this.#length = 0
      return use(this.#held)
    })
    return andThen(used, () => this.#hold(bytes.subarray(at)))
  }

  /** What is left over: less than a piece. */
  rest(): Uint8Array {
    return this.#held.subarray(0, this.#length)
  }

  #hold(bytes: Uint8Array): void {
    if (bytes.length === 0) return
    const length = this.#length + bytes.length
    if (length > this.#held.length) this.#grow(length)
    this.#held.set(bytes, this.#length)
    this.#length = length
  }

  /** By doubling: whoever opens many streams and sends little in each gets as little room. */
  #grow(length: number): void {
    const grown = new Uint8Array(Math.min(this.#size, Math.max(length, 2 * this.#held.length, LEAST_BYTES)))
    grown.set(this.#held.subarray(0, this.#length))
    this.#held = grown
  }
}
