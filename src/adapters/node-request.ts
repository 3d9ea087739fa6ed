import type { IncomingMessage } from 'node:http'
import { Fields, type HttpRequest } from '../core/message.ts'

/** Of these Node keeps the first and drops the rest; all others it joins. */
const FIRST_WINS: ReadonlySet<string> = new Set([
  'age',
  'authorization',
  'content-length',
  'content-type',
  'etag',
  'expires',
  'from',
  'host',
  'if-modified-since',
  'if-unmodified-since',
  'last-modified',
  'location',
  'max-forwards',
  'proxy-authorization',
  'referer',
  'retry-after',
  'server',
  'user-agent',
])

/** Reads a request as it came in; Koa, which keeps the target elsewhere, passes its `ctx.originalUrl`. */
export function requestOf(req: IncomingMessage, target = targetAsArrived(req)): HttpRequest {
  const fields = new Fields(req.rawHeaders)
  const hosts = fields.all('host')
  return {
    method: req.method ?? '',
    target,
    fields,
    scheme: 'encrypted' in req.socket && req.socket.encrypted === true ? 'https' : 'http',
    authority: hosts.length === 1 ? hosts[0] : undefined,
  }
}

/** Mounted routers of Express cut their prefix off `url`; the caller signed what stood there before. */
function targetAsArrived(req: IncomingMessage): string {
  return 'originalUrl' in req && typeof req.originalUrl === 'string' ? req.originalUrl : (req.url ?? '')
}

/** Tells whether the header announces a body. One of length zero is none; a chunked one may turn out empty. */
export function announcesBody(req: IncomingMessage): boolean {
  if (lineOf(req, 'transfer-encoding') !== undefined) return true
  const length = lineOf(req, 'content-length')
  return length !== undefined && Number(length) !== 0
}

/** The first line of a name: Node's own object of all lines is made for the first who asks, and ours takes its place. */
export function lineOf({ rawHeaders }: IncomingMessage, name: string): string | undefined {
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const found = rawHeaders[i] as string
    if (found.length === name.length && found.toLowerCase() === name) return rawHeaders[i + 1]
  }
  return undefined
}

/** Tells whether somebody took bytes of the body, or is set up to: what is left can no longer be verified. */
export function wasBodyRead(req: IncomingMessage): boolean {
  // Nobody has asked for anything yet: the rule, and each look at a request of Express costs something.
  if (req.readableFlowing === null && !req.readableDidRead && req.readableEncoding === null) return false
  if (!announcesBody(req)) return false
  if (req.readableDidRead || req.readableEnded || req.readableFlowing === true) return true
  return req.readableEncoding !== null || req.listenerCount('data') > 0 || req.listenerCount('readable') > 0
}

/** Puts these fields in place of all that arrived, in every form Node shows them, and takes the trailers away. */
export function replaceFields(req: IncomingMessage, fields: Fields): void {
  if (lineOf(req, 'transfer-encoding') !== undefined) hideTrailers(req)
  req.rawHeaders = fields.raw.slice()
  req.headers = joined(fields, { joinDuplicates: 'joinDuplicateHeaders' in req && req.joinDuplicateHeaders === true })
  // Node would make it when asked, but counts the fields that arrived, and fails on a list that is shorter.
  req.headersDistinct = distinct(fields)
}

function joined(fields: Fields, options: { readonly joinDuplicates: boolean }): IncomingMessage['headers'] {
  const headers: IncomingMessage['headers'] = {}
  for (const name of fields.names()) {
    if (name === 'set-cookie') headers['set-cookie'] = fields.all(name).slice()
    else if (FIRST_WINS.has(name) && !options.joinDuplicates) headers[name] = fields.all(name)[0]
    else headers[name] = name === 'cookie' ? fields.all(name).join('; ') : fields.get(name)
  }
  return headers
}

function distinct(fields: Fields): IncomingMessage['headersDistinct'] {
  const headers: IncomingMessage['headersDistinct'] = Object.create(null)
  for (const name of fields.names()) headers[name] = fields.all(name).slice()
  return headers
}

/** Trailers may still be on their way: what the parser writes later must not show either. */
function hideTrailers(req: IncomingMessage): void {
  const nothing = { rawTrailers: [], trailers: {}, trailersDistinct: Object.create(null) }
  for (const [name, value] of Object.entries(nothing)) {
    Object.defineProperty(req, name, { configurable: true, enumerable: true, get: () => value, set: () => {} })
  }
}
