/** What an owner costs besides the characters of its name: entries in a map and two lists, generously. */
const OWNER_BYTES = 160

/** Counts live claims by owner. An owner has a number, from 1, for as long as it has a live claim. */
export class Owners {
  readonly #numbers = new Map<string, number>()
  readonly #names: string[] = ['']
  readonly #counts: number[] = [0]
  readonly #free: number[] = []
  #characters = 0

  /** How many owners have live claims. */
  get active(): number {
    return this.#numbers.size
  }

  /** An estimate, a little above what is really in use. */
  get bytes(): number {
    return this.#characters + this.#numbers.size * OWNER_BYTES
  }

  /** The number of an owner, or 0 where it has no live claim. */
  numberOf(name: string): number {
    return this.#numbers.get(name) ?? 0
  }

  countOf(owner: number): number {
    return this.#counts[owner] ?? 0
  }

  /** Gives an owner that has none a number. */
  enter(name: string): number {
    const owner = this.#free.pop() ?? this.#names.length
    this.#names[owner] = name
    this.#counts[owner] = 0
    this.#numbers.set(name, owner)
    this.#characters += name.length
    return owner
  }

  claimed(owner: number): void {
    this.#counts[owner] = this.countOf(owner) + 1
  }

  released(owner: number): void {
    const left = this.countOf(owner) - 1
    this.#counts[owner] = left
    if (left > 0) return
    const name = this.#names[owner] as string
    this.#names[owner] = ''
    this.#numbers.delete(name)
    this.#characters -= name.length
    this.#free.push(owner)
  }
}
