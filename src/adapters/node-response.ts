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

type Callback = () => void

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
  new Capture(res, options).install()
}

type Original = Pick<ServerResponse, 'write' | 'end' | 'writeHead' | 'flushHeaders'>

class Capture {
  readonly #res: ServerResponse
  readonly #options: CaptureOptions
  readonly #original: Original
  readonly #chunks: Uint8Array[] = []
  #length = 0
  #isBegun = false
  #state: 'open' | 'finishing' | 'done' = 'open'

  constructor(res: ServerResponse, options: CaptureOptions) {
    const { write, end, writeHead, flushHeaders } = res
    this.#res = res
    this.#options = options
    this.#original = { write, end, writeHead, flushHeaders }
  }

  install(): void {
    const res = this.#res
    Object.defineProperty(res, 'headersSent', { get: () => this.#isBegun, configurable: true })
    // Node's signatures are overloaded; what handlers pass is sorted out where it is used.
    res.write = ((...given: unknown[]) => this.#write(given)) as ServerResponse['write']
    res.end = ((...given: unknown[]) => this.#end(given)) as ServerResponse['end']
    res.writeHead = ((...given: unknown[]) => this.#writeHead(given)) as ServerResponse['writeHead']
    res.flushHeaders = () => this.#begin()
    res.once('close', () => {
      if (this.#state === 'done') return
      this.#state = 'done'
      this.#options.onAborted()
    })
  }

  /** An endless answer can never be signed as a whole: it is refused at its first byte. */
  #begin(): void {
    this.#isBegun = true
    const isEndless = String(this.#res.getHeader('content-type')).startsWith('text/event-stream')
    if (isEndless && this.#state === 'open') this.#finish({ tooLarge: true })
  }

  #take(chunk: unknown, encoding: unknown): void {
    if (this.#state !== 'open' || chunk === undefined || chunk === null) return
    const bytes =
      typeof chunk === 'string' ? Buffer.from(chunk, encodingOf(encoding)) : Buffer.from(chunk as Uint8Array)
    this.#length += bytes.length
    if (this.#length > this.#options.maxBytes) this.#finish({ tooLarge: true })
    else this.#chunks.push(bytes)
  }

  #write(given: unknown[]): boolean {
    const { chunk, encoding, callback } = argumentsOf(given)
    this.#begin()
    this.#take(chunk, encoding)
    if (callback !== undefined) process.nextTick(callback)
    return true
  }

  #end(given: unknown[]): ServerResponse {
    const { chunk, encoding, callback } = argumentsOf(given)
    if (callback !== undefined) this.#res.once('finish', callback)
    if (this.#state !== 'open') return this.#res
    this.#begin()
    this.#take(chunk, encoding)
    if (this.#state === 'open') this.#finish(this.#whole())
    return this.#res
  }

  #writeHead([status, reason, headers]: unknown[]): ServerResponse {
    const hasReason = typeof reason === 'string'
    this.#res.statusCode = Number(status)
    if (hasReason) this.#res.statusMessage = reason
    setAll(this.#res, hasReason ? headers : (reason ?? headers))
    this.#begin()
    return this.#res
  }

  #whole(): CapturedAnswer {
    const res = this.#res
    const hasBody = this.#length > 0 && res.req.method !== 'HEAD' && !isBodyless(res.statusCode)
    return { status: res.statusCode, fields: fieldsOf(res), body: hasBody ? concat(...this.#chunks) : undefined }
  }

  #finish(answer: CapturedAnswer | { readonly tooLarge: true }): void {
    this.#state = 'finishing'
    void this.#deliver(answer)
  }

  async #deliver(answer: CapturedAnswer | { readonly tooLarge: true }): Promise<void> {
    try {
      const signed = await this.#options.finish(answer)
      this.#state = 'done'
      this.#uninstall()
      if (!this.#res.destroyed) sendNow(this.#res, signed)
    } catch {
      // Condition: an answer that could not be finished never leaves as the handler gave it.
      this.#state = 'done'
      this.#uninstall()
      this.#res.destroy()
    }
  }

  #uninstall(): void {
    Object.assign(this.#res, this.#original)
    Reflect.deleteProperty(this.#res, 'headersSent')
  }
}

interface WriteArguments {
  readonly chunk: unknown
  readonly encoding: unknown
  readonly callback: Callback | undefined
}

/** Sorts out `(chunk?, encoding?, callback?)`, of which a handler may leave out any. */
function argumentsOf(given: unknown[]): WriteArguments {
  const at = given.findIndex((one) => typeof one === 'function')
  const [chunk, encoding] = at === -1 ? given : given.slice(0, at)
  return { chunk, encoding, callback: at === -1 ? undefined : (given[at] as Callback) }
}

function encodingOf(encoding: unknown): BufferEncoding {
  return typeof encoding === 'string' && Buffer.isEncoding(encoding) ? encoding : 'utf8'
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
