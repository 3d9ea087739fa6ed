const NONE: readonly string[] = Object.freeze([])

/** Up to so many lines a look at each costs less than a map of them, and makes nothing that has to be collected. */
const FEW = 32

/** Header fields as they arrived: order and repetition kept, names compared in lower case. */
export class Fields {
  readonly #raw: readonly string[]
  /** The name of each line in lower case. */
  #lines: readonly string[] | undefined
  /** The names, each once: the very lines where none is repeated. */
  #once: readonly string[] | undefined
  /** Where the lines of a name are, for long headers alone: their cost must not grow with the square of their length. */
  #index: Map<string, number[]> | undefined

  /** Takes a flat list: name, value, name, value … */
  constructor(raw: readonly string[]) {
    this.#raw = raw
  }

  static fromEntries(entries: Iterable<readonly [string, string]>): Fields {
    const raw: string[] = []
    for (const [name, value] of entries) raw.push(name, value)
    return new Fields(raw)
  }

  /** The flat list: name, value, name, value … */
  get raw(): readonly string[] {
    return this.#raw
  }

  /** All instances of a field, each trimmed. */
  all(name: string): readonly string[] {
    const names = this.#names()
    if (names.length > FEW)
      return (
        this.#indexed()
          .get(name)
          ?.map((line) => this.#valueAt(line)) ?? NONE
      )
    let found: string[] | undefined
    for (let line = names.indexOf(name); line !== -1; line = names.indexOf(name, line + 1)) {
      found ??= []
      found.push(this.#valueAt(line))
    }
    return found ?? NONE
  }

  /** The combined value of a field (RFC 9110 §5.3): its instances joined by ", ". */
  get(name: string): string | undefined {
    const first = this.#next(name, 0)
    if (first === -1) return undefined
    return this.#next(name, first + 1) === -1 ? this.#valueAt(first) : this.all(name).join(', ')
  }

  has(name: string): boolean {
    return this.#next(name, 0) !== -1
  }

  /** Names in lower case, each once, in the order of their first appearance. */
  names(): readonly string[] {
    this.#once ??= this.#eachOnce()
    return this.#once
  }

  /** The same fields without those the predicate refuses. */
  filter(keep: (name: string) => boolean): Fields {
    const names = this.#names()
    const raw: string[] = []
    for (let line = 0; line < names.length; line++) {
      if (keep(names[line] as string)) raw.push(this.#raw[2 * line] as string, this.#raw[2 * line + 1] as string)
    }
    return new Fields(raw)
  }

  /** The same fields without this one: this very value where it has none. */
  without(name: string): Fields {
    return this.has(name) ? this.filter((other) => other !== name) : this
  }

  /** The same fields and these (name, value, …), which it does not have yet. */
  and(more: readonly string[]): Fields {
    const raw = this.#raw.slice()
    // One after the other: concat looks at what both lists are first, and costs more.
    for (const text of more) raw.push(text)
    return new Fields(raw)
  }

  /** The same fields, with these put in place of any of the same name (given in lower case). */
  with(more: Readonly<Record<string, string>>): Fields {
    const added: string[] = []
    for (const name of Object.keys(more)) added.push(name, more[name] as string)
    return this.filter((name) => !Object.hasOwn(more, name)).and(added)
  }

  #names(): readonly string[] {
    if (this.#lines !== undefined) return this.#lines
    const names: string[] = []
    for (let i = 0; i + 1 < this.#raw.length; i += 2) names.push((this.#raw[i] as string).toLowerCase())
    this.#lines = names
    return names
  }

  #eachOnce(): readonly string[] {
    const names = this.#names()
    for (let line = 0; line < names.length; line++) {
      if (this.#next(names[line] as string, 0) !== line) return names.filter((name, i) => this.#next(name, 0) === i)
    }
    return names
  }

  /** The first line of this name from a line on, or -1. */
  #next(name: string, from: number): number {
    const names = this.#names()
    if (names.length <= FEW) return names.indexOf(name, from)
    return (
      this.#indexed()
        .get(name)
        ?.find((line) => line >= from) ?? -1
    )
  }

  #indexed(): ReadonlyMap<string, readonly number[]> {
    this.#index ??= linesByName(this.#names())
    return this.#index
  }

  #valueAt(line: number): string {
    return trimOws(this.#raw[2 * line + 1] as string)
  }
}

function linesByName(names: readonly string[]): Map<string, number[]> {
  const index = new Map<string, number[]>()
  names.forEach((name, line) => {
    const lines = index.get(name)
    if (lines === undefined) index.set(name, [line])
    else lines.push(line)
  })
  return index
}

/** Cuts spaces and tabs off both ends, and nothing else that JavaScript calls white space. */
function trimOws(value: string): string {
  let start = 0
  let end = value.length
  while (start < end && isOws(value.charCodeAt(start))) start++
  while (end > start && isOws(value.charCodeAt(end - 1))) end--
  return start === 0 && end === value.length ? value : value.slice(start, end)
}

function isOws(code: number): boolean {
  return code === 0x20 || code === 0x09
}

/** A request as it travels. */
export interface HttpRequest {
  readonly method: string
  /** The request target as it stands in the request line: origin-form for every call this library makes. */
  readonly target: string
  readonly fields: Fields
  /** Only for components that name them (RFC 9421 §2.2); no decision rests on what a Host field says. */
  readonly scheme?: string | undefined
  readonly authority?: string | undefined
  readonly trailers?: Fields
}

/** An answer as it travels. */
export interface HttpResponse {
  readonly status: number
  readonly fields: Fields
  readonly trailers?: Fields
}
