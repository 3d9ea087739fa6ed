import { type Bytes, concat } from '../core/bytes.ts'
import { Fields } from '../core/message.ts'

/** Our fields from WHATWG headers. These are combined already, but for cookies, which cannot be. */
export function fieldsOf(headers: Headers): Fields {
  const raw: string[] = []
  for (const [name, value] of headers) if (name !== 'set-cookie') raw.push(name, value)
  for (const cookie of headers.getSetCookie()) raw.push('set-cookie', cookie)
  return new Fields(raw)
}

/** WHATWG headers from our fields. */
export function headersOf(fields: Fields): Headers {
  const headers = new Headers()
  const { raw } = fields
  for (let i = 0; i + 1 < raw.length; i += 2) headers.append(raw[i] as string, raw[i + 1] as string)
  return headers
}

/** The same as pairs, for what makes its own headers of them. */
export function entriesOf({ raw }: Fields): [string, string][] {
  const entries: [string, string][] = []
  for (let i = 0; i + 1 < raw.length; i += 2) entries.push([raw[i] as string, raw[i + 1] as string])
  return entries
}

const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
const VALUE = /^[\x21-\x7e]+(?:[ \t]+[\x21-\x7e]+)*$/

/**
 * Our fields from what fetch takes as headers. A record of plain names and values is read as it stands, to the result
 * that fetch would come to; everything else, and whatever is wrong, is left to fetch's own rules.
 */
export function fieldsFrom(init: HeadersInit | undefined): Fields {
  if (init === undefined) return new Fields([])
  return plainFields(init) ?? Fields.fromEntries(new Headers(init))
}

function plainFields(init: HeadersInit): Fields | undefined {
  if (Object.getPrototypeOf(init) !== Object.prototype) return undefined
  const raw: string[] = []
  const seen = new Set<string>()
  for (const [name, value] of Object.entries(init)) {
    const lower = name.toLowerCase()
    if (typeof value !== 'string' || !NAME.test(name) || !VALUE.test(value) || seen.has(lower)) return undefined
    seen.add(lower)
    raw.push(lower, value)
  }
  return new Fields(raw)
}

/** Reads a stream to its end, or gives up, and cancels it, as soon as it is larger than allowed. */
export async function readStream(
  stream: ReadableStream<Uint8Array> | null,
  maxBytes: number,
): Promise<Bytes | 'too-large'> {
  if (stream === null) return new Uint8Array(0)
  const chunks: Uint8Array[] = []
  let length = 0
  const reader = stream.getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return concat(...chunks)
    length += value.length
    if (length > maxBytes) {
      await reader.cancel()
      return 'too-large'
    }
    chunks.push(value)
  }
}
