import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { type Bytes, concat } from '../core/bytes.ts'
import { Fields, type HttpRequest } from '../core/message.ts'

/** The message as it arrived; frameworks rewrite `url` below a mount, and keep the original somewhere. */
export function requestOf(req: IncomingMessage, target: string): HttpRequest {
  const isEncrypted = 'encrypted' in req.socket && req.socket.encrypted === true
  return {
    method: req.method ?? '',
    target,
    fields: new Fields(req.rawHeaders),
    scheme: isEncrypted ? 'https' : 'http',
    authority: req.headers.host,
  }
}

/** Whether the head says that a body follows. */
export function announcesBody(req: IncomingMessage): boolean {
  const length = req.headers['content-length']
  return req.headers['transfer-encoding'] !== undefined || (length !== undefined && Number(length) !== 0)
}

/** Whether somebody has read the body, or begun to. */
export function wasBodyRead(req: IncomingMessage): boolean {
  return announcesBody(req) && (req.readableDidRead || req.readableFlowing !== null)
}

/** Reads the body, unless it is larger than allowed. A caller who leaves rejects with an `AbortError`. */
export function readBody(req: IncomingMessage, { maxBytes }: { maxBytes: number }): Promise<Bytes | 'too-large'> {
  if (Number(req.headers['content-length'] ?? 0) > maxBytes) return Promise.resolve('too-large')
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let length = 0
    const settle = (finish: () => void) => {
      req.off('data', onData).off('end', onEnd).off('error', onGone).off('close', onGone)
      finish()
    }
    const onData = (chunk: Buffer) => {
      length += chunk.length
      if (length <= maxBytes) chunks.push(chunk)
      else settle(() => resolve('too-large'))
    }
    const onEnd = () => settle(() => resolve(concat(...chunks)))
    const onGone = () => settle(() => reject(Object.assign(new Error('the caller left'), { name: 'AbortError' })))
    req.on('data', onData).on('end', onEnd).on('error', onGone).on('close', onGone)
  })
}

/** Lets the request begin again with these bytes, whatever reads it: body parsers, multipart, pipes, iteration. */
export function replayBody(req: IncomingMessage, bytes: Uint8Array | undefined): void {
  const body = bytes ?? new Uint8Array(0)
  delete req.headers['transfer-encoding']
  req.headers['content-length'] = String(body.length)
  // The readable half is made anew on the same object: everybody keeps the request they already hold.
  Reflect.apply(Readable, req, [{ autoDestroy: false, highWaterMark: Math.max(body.length, 1) }])
  req._read = () => undefined
  if (body.length > 0) req.push(Buffer.from(body.buffer, body.byteOffset, body.length))
  req.push(null)
}

/** Shows handlers these fields and no others, in every form Node offers them; trailers, which nothing covers, are gone. */
export function replaceFields(req: IncomingMessage, fields: Fields): void {
  const headers: IncomingMessage['headers'] = {}
  const distinct: NodeJS.Dict<string[]> = {}
  for (const name of fields.names()) {
    const values = [...fields.all(name)]
    distinct[name] = values
    if (name === 'set-cookie') headers[name] = values
    else headers[name] = values.join(name === 'cookie' ? '; ' : ', ')
  }
  const define = (name: string, value: unknown) =>
    Object.defineProperty(req, name, { value, writable: true, configurable: true, enumerable: true })
  define('headers', headers)
  define('headersDistinct', distinct)
  define('rawHeaders', [...fields.raw])
  for (const name of ['trailers', 'trailersDistinct']) define(name, {})
  define('rawTrailers', [])
}
