import { Fields, type HttpRequest, type HttpResponse } from '../../src/core/message.ts'
import type { RequestMessage, ResponseMessage } from '../../src/signature/message-input.ts'

/** A message as the examples of the standards print it: a start line, fields, an empty line, a body. */
export interface RawMessage {
  readonly start: readonly string[]
  readonly headers: [string, string][]
  readonly body: string
}

/** Splits a printed message; lines that begin with a space belong to the field above. */
export function readRaw(raw: string): RawMessage {
  const end = raw.indexOf('\n\n')
  const head = end === -1 ? raw : raw.slice(0, end)
  const [start = '', ...lines] = head.replace(/\n$/, '').split('\n')
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon), line.slice(colon + 1)]
  })
  return { start: start.split(' '), headers, body: end === -1 ? '' : raw.slice(end + 2) }
}

/** The message in the form of the core; a request's authority is what its Host field says. */
export function httpMessage({ start, headers }: RawMessage): HttpRequest | HttpResponse {
  const fields = Fields.fromEntries(headers)
  const [first = '', second = ''] = start
  if (first.startsWith('HTTP/')) return { status: Number(second), fields }
  return { method: first, target: second, scheme: 'https', authority: fields.get('host'), fields }
}

/** The same for the public functions. */
export function publicMessage(raw: RawMessage): RequestMessage | ResponseMessage {
  const message = httpMessage(raw)
  if ('status' in message) return { status: message.status, headers: raw.headers }
  return { method: message.method, url: `https://${message.authority}${message.target}`, headers: raw.headers }
}
