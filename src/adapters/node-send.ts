import { type IncomingMessage, type OutgoingHttpHeader, ServerResponse } from 'node:http'
import type { Fields, HttpResponse } from '../core/message.ts'
import type { HttpAnswer } from '../flow/http-answer.ts'
import { discardUnread } from './node-body.ts'
import type { Doors } from './node-held-doors.ts'
import { announcesBody, lineOf } from './node-request.ts'

/** What tells where a message ends: written anew for the bytes that leave. */
export const FRAMING: ReadonlySet<string> = new Set(['content-length', 'transfer-encoding', 'trailer'])

/** How much of a body is read past before a connection closes, and for how long. */
export interface Patience {
  readonly bytes: number
  readonly ms: number
}

/** Up to here a copy costs less than a second write. */
const TOGETHER_BYTES = 16_384

/** A rest of a body up to this length is read past, so that the connection can carry the next call. */
const SHORT_REST_BYTES = 65_536
/** Of a longer one so much is read past before the connection closes, and for so long … */
const SHORTLY: Patience = Object.freeze({ bytes: 1_048_576, ms: 2_000 })

const native = ServerResponse.prototype

/** Tells whether an answer has no body whatever its handler writes. */
export function isBodiless(method: string | undefined, status: number): boolean {
  return method === 'HEAD' || status === 204 || status === 304 || status < 200
}

/** Writes the header of an answer: these fields, no others that were set before, and the length of the body, if any. */
function setHead(res: ServerResponse, answer: HttpResponse, length: OutgoingHttpHeader | undefined): void {
  const { sendDate } = res
  const isMeasured = hasLength(res, length)
  for (const name of res.getHeaderNames()) {
    if (isMeasured && name === 'content-length') continue
    if (FRAMING.has(name) || !answer.fields.has(name)) native.removeHeader.call(res, name)
  }
  // To remove a Date field switches Node's own off as well.
  if (res.sendDate !== sendDate) res.sendDate = sendDate
  setFields(res, answer.fields)
  // Last: Node re-encodes a Content-Disposition that follows it.
  if (!isMeasured && length !== undefined) native.setHeader.call(res, 'Content-Length', length)
  if (res.statusCode === answer.status) return
  res.statusMessage = ''
  res.statusCode = answer.status
}

/** Whether the length that the handler set is the right one, and nothing follows it that Node would re-encode for it. */
function hasLength(res: ServerResponse, length: OutgoingHttpHeader | undefined): boolean {
  const given = res.getHeader('content-length')
  return given !== undefined && String(given) === String(length) && !res.hasHeader('content-disposition')
}

/** The values of each field under its first spelling: Node keeps the repetitions of a field together. */
function setFields(res: ServerResponse, fields: Fields): void {
  const { raw } = fields
  const isEachOnce = 2 * fields.names().length === raw.length
  let repeated: Set<string> | undefined
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] as string
    // Most of it is there already: to set it again costs more than to look.
    if (isEachOnce && res.getHeader(name) === raw[i + 1]) continue
    const lower = name.toLowerCase()
    if (FRAMING.has(lower) || repeated?.has(lower) === true) continue
    const values = fields.all(lower)
    if (values.length > 1) repeated = (repeated ?? new Set()).add(lower)
    native.setHeader.call(res, name, values.length > 1 ? values : (values[0] as string))
  }
}

function lengthOf(res: ServerResponse, answer: HttpAnswer): OutgoingHttpHeader | undefined {
  if (!isBodiless(res.req.method, answer.status)) return answer.body?.length ?? 0
  // To HEAD and with 304 it speaks of a body that is not there: only the handler knows.
  const spoken = res.req.method === 'HEAD' || answer.status === 304
  return spoken ? answer.fields.get('content-length') : undefined
}

/** Sends the head of an answer whose body follows, however long that will be. */
export function deliverHead(res: ServerResponse, head: HttpResponse, doors: Doors): void {
  native.removeHeader.call(res, 'content-length')
  setHead(res, head, undefined)
  if (!res.req.readableEnded) res.once('finish', () => discardUnread(res.req))
  doors.writeHead.call(res, head.status)
}

/** Sends a whole answer through the methods that were there before any capture. */
export function deliver(res: ServerResponse, answer: HttpAnswer, doors: Doors): void {
  setHead(res, answer, lengthOf(res, answer))
  // Most bodies were read whole by the guard, and most streams have come to their end by now.
  if (!res.req.readableEnded) res.once('finish', () => discardUnread(res.req))
  doors.writeHead.call(res, answer.status)
  const body = bodyOf(res, answer)
  if (body === undefined) Reflect.apply(doors.end, res, [])
  // As a text of one character a byte a short body leaves together with the head, in one write instead of two.
  else if (body.length <= TOGETHER_BYTES) Reflect.apply(doors.end, res, [body.toString('latin1'), 'latin1'])
  else Reflect.apply(doors.end, res, [body])
}

function bodyOf(res: ServerResponse, { status, body }: HttpAnswer): Buffer | undefined {
  if (body === undefined || body.length === 0 || isBodiless(res.req.method, status)) return undefined
  return Buffer.from(body.buffer, body.byteOffset, body.length)
}

/**
 * Answers at once, before any handler runs. Where a long body is still on its way, the connection closes afterwards,
 * and not before the caller had time to read the answer.
 */
export function sendNow(res: ServerResponse, answer: HttpAnswer, patience = SHORTLY): void {
  const req = res.req
  if (!hasLongRest(req)) {
    deliver(res, answer, res)
    return
  }
  const last = { ...answer, fields: answer.fields.with({ connection: 'close' }) }
  setHead(res, last, lengthOf(res, last))
  res.writeHead(answer.status)
  const body = bodyOf(res, answer)
  if (body === undefined) res.flushHeaders()
  else res.write(body)
  linger(req, patience, () => {
    if (!res.destroyed) res.end()
  })
}

function hasLongRest(req: IncomingMessage): boolean {
  if (req.complete || req.destroyed || !announcesBody(req)) return false
  return !(Number(lineOf(req, 'content-length')) <= SHORT_REST_BYTES)
}

/** Closing with unread bytes in hand resets the connection, and the answer may be lost with it: so they are read. */
function linger(req: IncomingMessage, { bytes, ms }: Patience, close: () => void): void {
  let seen = 0
  const onData = (chunk: Uint8Array) => {
    seen += chunk.length
    if (seen > bytes) req.pause()
  }
  const done = () => {
    clearTimeout(timer)
    req.off('data', onData)
    req.off('end', done)
    req.off('close', done)
    close()
  }
  const timer = setTimeout(done, ms)
  timer.unref()
  req.on('data', onData)
  req.on('end', done)
  req.on('close', done)
  req.resume()
}
