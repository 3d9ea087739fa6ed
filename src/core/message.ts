const NONE: readonly string[] = Object.freeze([])

/** Header fields as they arrived: order and repetition kept, names compared in lower case. */
export class Fields {
  readonly #raw: readonly string[]
  /** A field that came once, as nearly all do, is a text and no list of one. */
  #index: Map<string, string | string[]> | undefined

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

  get #byName(): Map<string, string | string[]> {
    if (this.#index !== undefined) return this.#index
    const index = new Map<string, string | string[]>()
    for (let i = 0; i + 1 < this.#raw.length; i += 2) {
      const name = (this.#raw[i] as string).toLowerCase()
      const value = trimOws(this.#raw[i + 1] as string)
      const values = index.get(name)
      if (values === undefined) index.set(name, value)
      else if (typeof values === 'string') index.set(name, [values, value])
      else values.push(value)
    }
    this.#index = index
    return index
  }

  /** All instances of a field, each trimmed. */
  all(name: string): readonly string[] {
    const values = this.#byName.get(name)
    return values === undefined ? NONE : typeof values === 'string' ? [values] : values
  }

  /** The combined value of a field (RFC 9110 §5.3): its instances joined by ", ". */
  get(name: string): string | undefined {
    const values = this.#byName.get(name)
    return values === undefined || typeof values === 'string' ? values : values.join(', ')
  }

  has(name: string): boolean {
    return this.#byName.has(name)
  }

  /** Names in lower case, each once, in the order of their first appearance. */
  names(): Iterable<string> {
    return this.#byName.keys()
  }

  /** The same fields without those the predicate refuses. */
  filter(keep: (name: string) => boolean): Fields {
    const raw: string[] = []
    for (let i = 0; i + 1 < this.#raw.length; i += 2) {
      const name = this.#raw[i] as string
      if (keep(name.toLowerCase())) raw.push(name, this.#raw[i + 1] as string)
    }
    return new Fields(raw)
  }

  /** The same fields without this one: this very value where it has none. */
  without(name: string): Fields {
    return this.has(name) ? this.filter((other) => other !== name) : this
  }

  /** The same fields, with these put in place of any of the same name (given in lower case). */
  with(more: Readonly<Record<string, string>>): Fields {
    const kept = this.filter((name) => !Object.hasOwn(more, name))
    const raw = [...kept.raw]
    for (const name of Object.keys(more)) raw.push(name, more[name] as string)
    return new Fields(raw)
  }
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
