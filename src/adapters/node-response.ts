import { Buffer } from 'node:buffer'
import type { OutgoingHttpHeader, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { type Bytes, concat } from '../core/bytes.ts'
import type { MaybePromise } from '../core/maybe-promise.ts'
import { Fields } from '../core/message.ts'

/** An answer as a handler gave it, or as it leaves. */
export interface CapturedAnswer {
  readonly status: number
  readonly fields: Fields
  readonly body: Bytes | undefined
}

/** What is done with a whole answer, and with one that never became whole. */
export interface CaptureOptions {
  readonly maxBytes: number
  finish(answer: CapturedAnswer | { readonly tooLarge: true }): MaybePromise<CapturedAnswer>
  /** Called once, where the connection was gone before the answer could leave. */
  onAborted(): void
}

type Callback = (error?: Error | null) => void
type HeadArguments = readonly [status: number, reason?: unknown, headers?: unknown]

/** Sends an answer at once, past everything that captures. */
export function sendNow(res: ServerResponse, answer: CapturedAnswer): void {
  for (const name of res.getHeaderNames()) res.removeHeader(name)
  res.statusCode = answer.status
  for (const name of answer.fields.names()) {
    const values = [...answer.fields.all(name)]
    res.setHeader(name, name === 'set-cookie' ? values : values.join(', '))
  }
  if (answer.body !== undefined) res.setHeader('Content-Length', answer.body.length)
  else if (res.req.method !== 'HEAD' && !isBodyless(answer.status)) res.setHeader('Content-Length', 0)
  res.end(answer.body)
}

function isBodyless(status: number): boolean {
  return status === 204 || status === 304 || status < 200
}

/** Holds back the whole answer of a handler until it has ended, hands it over, and sends what comes back. */
export function captureAnswer(res: ServerResponse, options: CaptureOptions): void {
  const { write, end, writeHead, flushHeaders } = res
  const restore = () => Object.assign(res, { write, end, writeHead, flushHeaders })
  const chunks: Uint8Array[] = []
  let length = 0
  let state: 'open' | 'finishing' | 'done' = 'open'
  let isBegun = false
  Object.defineProperty(res, 'headersSent', { get: () => isBegun || state === 'done', configurable: true })

  const begin = () => {
    isBegun = true
    if (String(res.getHeader('content-type')).startsWith('text/event-stream')) finish({ tooLarge: true })
  }
  const take = (chunk: unknown, encoding: unknown) => {
    if (state !== 'open' || chunk === undefined || chunk === null) return
    const bytes =
      typeof chunk === 'string' ? Buffer.from(chunk, encodingOf(encoding)) : Buffer.from(chunk as Uint8Array)
    length += bytes.length
    if (length > options.maxBytes) finish({ tooLarge: true })
    else chunks.push(bytes)
  }
  const finish = (answer: CapturedAnswer | { readonly tooLarge: true }) => {
    state = 'finishing'
    void deliver(answer)
  }
  const deliver = async (answer: CapturedAnswer | { readonly tooLarge: true }) => {
    try {
      const signed = await options.finish(answer)
      state = 'done'
      restore()
      Reflect.deleteProperty(res, 'headersSent')
      if (!res.destroyed) sendNow(res, signed)
    } catch {
      restore()
      res.destroy()
    }
  }
  const whole = (): CapturedAnswer => {
    const hasBody = length > 0 && res.req.method !== 'HEAD' && !isBodyless(res.statusCode)
    return { status: res.statusCode, fields: fieldsOf(res), body: hasBody ? concat(...chunks) : undefined }
  }

  res.write = ((chunk: unknown, encoding?: unknown, callback?: unknown) => {
    begin()
    take(chunk, encoding)
    later(typeof encoding === 'function' ? encoding : callback)
    return true
  }) as ServerResponse['write']
  res.end = ((chunk?: unknown, encoding?: unknown, callback?: unknown) => {
    const [data, how, then] =
      typeof chunk === 'function'
        ? [undefined, undefined, chunk]
        : typeof encoding === 'function'
          ? [chunk, undefined, encoding]
          : [chunk, encoding, callback]
    if (typeof then === 'function') res.once('finish', then as () => void)
    if (state !== 'open') return res
    begin()
    take(data, how)
    if (state === 'open') finish(whole())
    return res
  }) as ServerResponse['end']
  res.writeHead = ((...given: HeadArguments) => {
    const [status, reason, headers] = given
    res.statusCode = status
    if (typeof reason === 'string') res.statusMessage = reason
    setAll(res, typeof reason === 'string' ? headers : (reason ?? headers))
    begin()
    return res
  }) as ServerResponse['writeHead']
  res.flushHeaders = begin
  res.once('close', () => {
    if (state === 'done') return
    state = 'done'
    options.onAborted()
  })
}

function encodingOf(encoding: unknown): BufferEncoding {
  return typeof encoding === 'string' && Buffer.isEncoding(encoding) ? encoding : 'utf8'
}

function later(callback: unknown): void {
  if (typeof callback === 'function') process.nextTick(callback as Callback)
}

function setAll(res: ServerResponse, headers: unknown): void {
  if (headers === undefined || headers === null) return
  if (Array.isArray(headers)) {
    const flat = headers.flat() as string[]
    for (let i = 0; i + 1 < flat.length; i += 2) res.appendHeader(flat[i] as string, flat[i + 1] as string)
    return
  }
  for (const [name, value] of Object.entries(headers as OutgoingHttpHeaders)) {
    if (value !== undefined) res.setHeader(name, value as OutgoingHttpHeader)
  }
}

function fieldsOf(res: ServerResponse): Fields {
  const raw: string[] = []
  for (const name of res.getHeaderNames()) {
    const value = res.getHeader(name)
    for (const one of Array.isArray(value) ? value : [String(value)]) raw.push(name, one)
  }
  return new Fields(raw)
}
