import type { ServerResponse } from 'node:http'
import { isUint8Array } from 'node:util/types'
import type { Bytes } from '../core/bytes.ts'
import { Fields } from '../core/message.ts'
import { FRAMING } from './node-send.ts'

/** What Node sets when a head is on its way, and what half of npm looks at: there is no other way to say it. */
export interface Internals {
  _header: string | null
  finished: boolean
  _closed: boolean
  _trailer: string
}

/** The header that a handler wrote, but for the framing, which is written for the bytes that leave. */
export function fieldsOf(res: ServerResponse, isBodiless: boolean): Fields {
  const raw: string[] = []
  // In lower case: what is not changed leaves under the names that the handler wrote.
  for (const name of res.getHeaderNames()) {
    const value = res.getHeader(name)
    const isKept = !FRAMING.has(name) || (name === 'content-length' && isBodiless)
    if (isKept) for (const one of Array.isArray(value) ? value : [value]) raw.push(name, String(one))
  }
  return new Fields(raw)
}

/** Copies: the handler may use its buffer again as soon as it is told that the bytes were taken. */
export function bytesOf(chunk: unknown, encoding: unknown): Bytes | undefined {
  if (isUint8Array(chunk)) return new Uint8Array(chunk)
  if (typeof chunk !== 'string') return undefined
  const buffer = Buffer.from(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8')
  return new Uint8Array(buffer.buffer as ArrayBuffer, buffer.byteOffset, buffer.length)
}

/** Header fields given to `writeHead`: they replace those set before; in a flat list a name may be repeated. */
export function setAll(res: ServerResponse, headers: unknown): void {
  if (!Array.isArray(headers)) {
    for (const [name, value] of Object.entries(headers ?? {})) if (name !== '') res.setHeader(name, value)
    return
  }
  const flat: string[] = Array.isArray(headers[0]) ? headers.flat() : headers
  if (flat.length % 2 !== 0) {
    throw Object.assign(new TypeError('A list of headers needs a value for each name'), {
      code: 'ERR_INVALID_ARG_VALUE',
    })
  }
  for (let i = 0; i < flat.length; i += 2) if (res.hasHeader(flat[i] as string)) res.removeHeader(flat[i] as string)
  for (let i = 0; i < flat.length; i += 2) res.appendHeader(flat[i] as string, flat[i + 1] as string)
}
