import type { Fingerprint } from './fingerprint.ts'

/** A slot is three words of fingerprint and the number of its owner, who is never 0: a 0 there is an empty slot. */
const WORDS = 4
const OWNER = 3
const FIRST_SLOTS = 16

/** Where a fingerprint of an owner stands, or the empty slot where it would stand. */
function slotOf(table: Uint32Array, print: Fingerprint, owner: number): number {
  const last = table.length - WORDS
  const a = print[0] as number
  const b = print[1] as number
  const c = print[2] as number
  let at = (a * WORDS) & last
  for (; table[at + OWNER] !== 0; at = (at + WORDS) & last) {
    if (table[at + OWNER] === owner && table[at] === a && table[at + 1] === b && table[at + 2] === c) return at
  }
  return at
}

function put(table: Uint32Array, print: Fingerprint, owner: number): void {
  const at = slotOf(table, print, owner)
  table[at] = print[0] as number
  table[at + 1] = print[1] as number
  table[at + 2] = print[2] as number
  table[at + OWNER] = owner
}

/**
 * The claims that expire within one stretch of time: an open-addressed table that only grows, never fuller than three
 * quarters, and is dropped as a whole. Nothing is ever deleted from it, so a search ends at the first empty slot.
 */
export class Bucket {
  /** Epoch milliseconds: all claims in here have expired by then. */
  readonly endsAt: number
  /** On the clock that never goes back: until then the claims are kept, whatever the wall clock says. */
  heldUntilMs = 0
  #table = new Uint32Array(FIRST_SLOTS * WORDS)
  #size = 0

  constructor(endsAt: number) {
    this.endsAt = endsAt
  }

  get size(): number {
    return this.#size
  }

  get bytes(): number {
    return this.#table.byteLength
  }

  has(print: Fingerprint, owner: number): boolean {
    return this.#table[slotOf(this.#table, print, owner) + OWNER] !== 0
  }

  /** Adds what is not there yet. */
  add(print: Fingerprint, owner: number): void {
    if ((this.#size + 1) * WORDS * 4 > this.#table.length * 3) this.#grow()
    put(this.#table, print, owner)
    this.#size++
  }

  /** Calls back with the owner of every claim. */
  forEachOwner(visit: (owner: number) => void): void {
    for (let at = OWNER; at < this.#table.length; at += WORDS) {
      const owner = this.#table[at] as number
      if (owner !== 0) visit(owner)
    }
  }

  #grow(): void {
    const old = this.#table
    const grown = new Uint32Array(old.length * 2)
    const print = new Uint32Array(OWNER)
    for (let at = 0; at < old.length; at += WORDS) {
      const owner = old[at + OWNER] as number
      if (owner === 0) continue
      for (let word = 0; word < OWNER; word++) print[word] = old[at + word] as number
      put(grown, print, owner)
    }
    this.#table = grown
  }
}
