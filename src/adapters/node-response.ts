import { ServerResponse, STATUS_CODES, validateHeaderValue } from 'node:http'
import { isUint8Array } from 'node:util/types'
import { type Bytes, concat } from '../core/bytes.ts'
import { CountersignError } from '../core/errors.ts'
import type { MaybePromise } from '../core/maybe-promise.ts'
import { Fields } from '../core/message.ts'
import type { HttpAnswer } from '../flow/http-answer.ts'
import { argumentsOf, type Doors, type Held, hold, type WriteArguments, type Written } from './node-held-doors.ts'
import { deliver, FRAMING, isBodiless } from './node-send.ts'
import { onSocketClose } from './node-socket-close.ts'
import { watchSources } from './node-sources.ts'

/** What a handler answered, or that it was more than may be kept. */
export type Captured = HttpAnswer | { readonly tooLarge: true }

/** Why nothing was sent: the connection closed, or the body had another length than the handler announced. */
export type AbortCause = 'closed' | 'length-mismatch'

/** What becomes of a handler's answer: one of the two is called, and once. */
export interface CaptureOptions {
  readonly maxBytes: number
  /** Gives what is sent in place of what the handler answered. Where it fails, a bare 500 is sent. */
  finish(captured: Captured): MaybePromise<HttpAnswer>
  /** Is told that nothing will be sent, before `finish` could be asked. */
  onAborted(cause: AbortCause): void
}

/** What Node sets when a head is on its way, and what half of npm looks at: there is no other way to say it. */
interface Internals {
  _header: string | null
  finished: boolean
}

const native = ServerResponse.prototype
const FAILED: HttpAnswer = Object.freeze({ status: 500, fields: new Fields(['Connection', 'close']), body: undefined })

/** Holds back all that the handler writes until it is whole, and sends what `finish` makes of it. */
export function captureAnswer(res: ServerResponse, options: CaptureOptions): void {
  new HeldAnswer(res, options)
}

class HeldAnswer implements Held {
  readonly #res: ServerResponse & Internals
  readonly #options: CaptureOptions
  /** As they were before: who wrapped them earlier is nearer to the wire. */
  readonly #doors: Doors
  readonly #unwatch: () => void
  /** `ended` by the handler; `cut` by us, and the handler may go on; `closed`: nothing will be sent. */
  #phase: 'open' | 'ended' | 'cut' | 'closed' = 'open'
  /** While we write ourselves, and when the handler has ended: then Node's own methods say what is wrong. */
  #through = false
  #parts: Bytes[] = []
  #size = 0

  constructor(res: ServerResponse, options: CaptureOptions) {
    // Node's own fields, which its types leave out.
    this.#res = res as ServerResponse & Internals
    this.#options = options
    this.#doors = hold(res, this)
    this.#unwatch = onSocketClose(res.req.socket, () => this.#gone())
    const stopSources = watchSources(res)
    // Now that other bytes have left, after Node has taken note and before anybody who came later takes it for an end.
    res.once('finish', () => {
      if (this.#phase === 'cut') stopSources(new CountersignError('answer-unsignable', { detail: { step: 'cut-off' } }))
    })
  }

  writeHead(given: Written): unknown {
    if (this.#through) return Reflect.apply(this.#doors.writeHead, this.#res, given)
    return this.#writeHead(given[0], given[1], given[2])
  }

  flushHeaders(): unknown {
    return this.#through ? this.#doors.flushHeaders.call(this.#res) : this.#begin()
  }

  write(given: Written): unknown {
    return this.#through ? Reflect.apply(this.#doors.write, this.#res, given) : this.#write(argumentsOf(given))
  }

  end(given: Written): unknown {
    return this.#through ? Reflect.apply(this.#doors.end, this.#res, given) : this.#end(argumentsOf(given))
  }

  /** As Node's, but that the head stays here: from now on it counts as sent. */
  #writeHead(status: unknown, first: unknown, second: unknown): ServerResponse {
    const res = this.#res
    const code = Number(status) | 0
    if (res._header !== null || code < 100 || code > 999) return Reflect.apply(native.writeHead, res, [status])
    const headers = typeof first === 'string' ? second : (first ?? second)
    const message = typeof first === 'string' ? first : res.statusMessage || STATUS_CODES[code] || 'unknown'
    validateHeaderValue('statusMessage', message)
    setAll(res, headers)
    // To set what is there already costs a response of Express more than one might think.
    if (res.statusCode !== code) res.statusCode = code
    if (message !== STATUS_CODES[code]) res.statusMessage = message
    res._header = `HTTP/1.1 ${code} ${message}\r\n\r\n`
    const type = res.getHeader('content-type')
    // Condition: an answer that is an endless stream of events is cut off at its head.
    if (String(type).toLowerCase().startsWith('text/event-stream')) this.#cut()
    return res
  }

  /** Whoever wrapped `writeHead` after us wants to hear of a head that nobody wrote. */
  #begin(): void {
    if (this.#res._header === null) this.#res.writeHead(this.#res.statusCode)
  }

  #write({ chunk, encoding, callback }: WriteArguments): boolean {
    const res = this.#res
    if (this.#phase === 'cut') {
      if (callback !== undefined) process.nextTick(callback)
      return false
    }
    const bytes = bytesOf(chunk, encoding)
    if (bytes === undefined || res.finished || res.destroyed) {
      // Node's own words for what it refuses: a wrong type, a write after the end or to a lost connection.
      return Reflect.apply(native.write, res, [chunk, encoding, callback])
    }
    this.#begin()
    this.#keep(bytes)
    if (callback !== undefined) process.nextTick(callback)
    // Never asks to wait for a 'drain' that would not come, until there is nothing to wait for.
    return this.#phase === 'open'
  }

  #end({ chunk, encoding, callback }: WriteArguments): ServerResponse {
    const res = this.#res
    if (this.#phase !== 'cut' && res.finished) return Reflect.apply(native.end, res, [chunk, encoding, callback])
    if (callback !== undefined) this.#afterFinish(callback)
    if (this.#phase === 'open' && !res.destroyed) {
      const bytes = chunk ? bytesOf(chunk, encoding) : new Uint8Array(0)
      if (bytes === undefined) Reflect.apply(native.write, res, [chunk])
      this.#begin()
      this.#keep(bytes ?? new Uint8Array(0))
    }
    if (this.#phase === 'open') this.#finish()
    else if (this.#phase === 'closed') res.finished = true
    return res
  }

  #afterFinish(callback: () => void): void {
    if (this.#res.writableFinished) process.nextTick(callback)
    else this.#res.once('finish', callback)
  }

  #keep(bytes: Bytes): void {
    if (this.#phase !== 'open' || bytes.length === 0 || this.#isBodiless()) return
    this.#size += bytes.length
    // Condition: an answer longer than the limit is cut off where it passes it.
    if (this.#size > this.#options.maxBytes) this.#cut()
    else this.#parts.push(bytes)
  }

  #isBodiless(): boolean {
    return isBodiless(this.#res.req.method, this.#res.statusCode)
  }

  #cut(): void {
    if (this.#phase !== 'open') return
    this.#phase = 'cut'
    this.#parts = []
    this.#settle({ tooLarge: true })
  }

  #finish(): void {
    const res = this.#res
    res.finished = true
    // A lost connection closes in a moment, and that says so.
    if (res.destroyed) return
    const announced = res.getHeader('content-length')
    // Condition: an answer of another length than its handler announced is not sent.
    if (announced !== undefined && !this.#isBodiless() && Number(announced) !== this.#size) {
      this.#abort('length-mismatch')
      return
    }
    this.#phase = 'ended'
    const body = this.#size === 0 ? undefined : this.#parts.length === 1 ? this.#parts[0] : concat(...this.#parts)
    this.#parts = []
    this.#settle({ status: res.statusCode, fields: this.#fields(), body })
  }

  /** What will be on the wire, but for the framing, which is written for the bytes that leave. */
  #fields(): Fields {
    const res = this.#res
    const raw: string[] = []
    // In lower case: what is not changed leaves under the names that the handler wrote.
    for (const name of res.getHeaderNames()) {
      const value = res.getHeader(name)
      const isKept = !FRAMING.has(name) || (name === 'content-length' && this.#isBodiless())
      if (isKept) for (const one of Array.isArray(value) ? value : [value]) raw.push(name, String(one))
    }
    return new Fields(raw)
  }

  #settle(captured: Captured): void {
    try {
      const answer = this.#options.finish(captured)
      if (!(answer instanceof Promise)) {
        this.#deliver(answer)
        return
      }
      // Nothing is written yet, and to Node that looks like all.
      Object.defineProperty(this.#res, 'writableFinished', { configurable: true, value: false })
      answer.then(
        (given) => this.#deliver(given),
        () => this.#deliver(FAILED),
      )
    } catch {
      // Condition: an answer that could not be finished never leaves as the handler gave it.
      this.#deliver(FAILED)
    }
  }

  #deliver(answer: HttpAnswer): void {
    const res = this.#res
    Reflect.deleteProperty(res, 'writableFinished')
    if (this.#phase === 'closed') return
    this.#unwatch()
    res.finished = false
    res._header = null
    this.#through = true
    try {
      deliver(res, answer, this.#doors)
    } catch {
      // Half a head may be out: there is no way back but to close.
      res.destroy()
    }
    // What was cut off goes on writing, and must not hear of an end that it did not cause.
    this.#through = this.#phase !== 'cut'
  }

  #gone(): void {
    if (this.#phase === 'open') this.#abort('closed')
    else this.#phase = 'closed'
  }

  #abort(cause: AbortCause): void {
    this.#phase = 'closed'
    this.#parts = []
    this.#unwatch()
    // Also of an answer that still waits for its turn on a connection that is gone.
    this.#res.destroy()
    this.#options.onAborted(cause)
  }
}

/** Copies: the handler may use its buffer again as soon as it is told that the bytes were taken. */
function bytesOf(chunk: unknown, encoding: unknown): Bytes | undefined {
  if (isUint8Array(chunk)) return new Uint8Array(chunk)
  if (typeof chunk !== 'string') return undefined
  const buffer = Buffer.from(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8')
  return new Uint8Array(buffer.buffer as ArrayBuffer, buffer.byteOffset, buffer.length)
}

/** Header fields given to `writeHead`: they replace those set before; in a flat list a name may be repeated. */
function setAll(res: ServerResponse, headers: unknown): void {
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
