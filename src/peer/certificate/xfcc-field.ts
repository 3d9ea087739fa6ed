import { certificateInvalid } from '../../identity/certificate-refusal.ts'

/** What one proxy has said of its client: the values of each key, which is in lower case. */
export type XfccElement = ReadonlyMap<string, readonly string[]>

const MAX_FIELD = 65_536
const PRINTABLE = /^[\x20-\x7e]*$/
const KEY = /[A-Za-z][A-Za-z0-9-]*=/y
/** What need not be quoted. */
const TOKEN = /[\x21\x23-\x2b\x2d-\x3a\x3c\x3e-\x5b\x5d-\x7e]+/y
const REPEATABLE: ReadonlySet<string> = new Set(['by', 'uri', 'dns'])

/** Reads a field from left to right. */
class FieldReader {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  get isAtEnd(): boolean {
    return this.#at === this.#text.length
  }

  take(character: string): boolean {
    if (this.#text[this.#at] !== character) return false
    this.#at++
    return true
  }

  /** What a pattern finds here, and nowhere else. */
  run(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)?.[0]
    this.#at += found?.length ?? 0
    return found
  }

  /** The rest of a quoted value, whose first quote was taken. */
  quoted(): string {
    const parts: string[] = []
    for (;;) {
      const end = this.#text.indexOf('"', this.#at)
      // Condition: a quoted value without an end is refused.
      if (end === -1) throw certificateInvalid('xfcc-quotes')
      const part = this.#text.slice(this.#at, end)
      // Condition: a quoted value with two backslashes in a row, which have two readings, is refused.
      if (part.includes('\\\\')) throw certificateInvalid('xfcc-backslash')
      this.#at = end + 1
      if (!part.endsWith('\\')) return parts.join('') + part
      parts.push(part.slice(0, -1), '"')
    }
  }
}

function readValue(reader: FieldReader): string {
  if (reader.take('"')) return reader.quoted()
  const value = reader.run(TOKEN)
  // Condition: a value that is empty, or begins with what has to be quoted, is refused.
  if (value === undefined) throw certificateInvalid('xfcc-value')
  return value
}

function readPair(reader: FieldReader, element: Map<string, string[]>): void {
  const key = reader.run(KEY)?.slice(0, -1).toLowerCase()
  // Condition: an element or pair that does not begin with a key is refused.
  if (key === undefined) throw certificateInvalid('xfcc-key')
  const values = element.get(key) ?? []
  // Condition: a key that stands twice in an element, and may stand once, is refused.
  if (values.length > 0 && !REPEATABLE.has(key)) throw certificateInvalid('xfcc-twice')
  values.push(readValue(reader))
  element.set(key, values)
}

function readElement(reader: FieldReader): XfccElement {
  const element = new Map<string, string[]>()
  do readPair(reader, element)
  while (reader.take(';'))
  return element
}

/**
 * Reads Envoy's `X-Forwarded-Client-Cert`, all of it, and gives its last element: that of the proxy next to here. White
 * space has no place outside of quotes; a backslash within them escapes a quote, and stands for itself before anything
 * else but another backslash.
 *
 * @throws `certificate-invalid`
 * @see https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/headers#x-forwarded-client-cert
 */
export function parseXfcc(field: string): XfccElement {
  // Condition: an X-Forwarded-Client-Cert field of more than 64 KiB is refused.
  if (field.length > MAX_FIELD) throw certificateInvalid('xfcc-size')
  // Condition: an X-Forwarded-Client-Cert field with anything but printable ASCII is refused.
  if (!PRINTABLE.test(field)) throw certificateInvalid('xfcc-characters')
  const reader = new FieldReader(field)
  let last = readElement(reader)
  while (reader.take(',')) last = readElement(reader)
  // Condition: a value that is followed by something else than a pair or an element is refused.
  if (!reader.isAtEnd) throw certificateInvalid('xfcc-separator')
  return last
}
