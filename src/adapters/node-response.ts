import { ServerResponse, STATUS_CODES, validateHeaderValue } from 'node:http'
import { type Bytes, concat } from '../core/bytes.ts'
import { CountersignError } from '../core/errors.ts'
import { Fields } from '../core/message.ts'
import type { HttpAnswer } from '../flow/http-answer.ts'
import { hasRecords } from '../flow/record-type.ts'
import { AnswerStream } from './node-answer-stream.ts'
import type { AbortCause, Captured, CaptureOptions } from './node-capture-options.ts'
import { argumentsOf, type Doors, type Held, hold, type WriteArguments, type Written } from './node-held-doors.ts'
import { deliver, isBodiless } from './node-send.ts'
import { closeAnswer, onSocketClose } from './node-socket-close.ts'
import { watchSources } from './node-sources.ts'
import { bytesOf, fieldsOf, type Internals, setAll } from './node-written.ts'

const native = ServerResponse.prototype
const FAILED: HttpAnswer = Object.freeze({ status: 500, fields: new Fields(['Connection', 'close']), body: undefined })

/** Holds back all that the handler writes until it is whole, and sends what `finish` makes of it. */
export function captureAnswer(res: ServerResponse, options: CaptureOptions): void {
  new HeldAnswer(res, options)
}

class HeldAnswer implements Held {
  readonly res: ServerResponse & Internals
  readonly #options: CaptureOptions
  /** As they were before: who wrapped them earlier is nearer to the wire. */
  readonly doors: Doors
  readonly #unwatch: () => void
  /** `ended` by the handler; `cut` by us, and the handler may go on; `closed`: nothing more will be sent. */
  #phase: 'open' | 'streaming' | 'ended' | 'cut' | 'closed' = 'open'
  /** Once the answer leaves as it is written. */
  #stream: AnswerStream | undefined
  /** While we write ourselves, and when the handler has ended: then Node's own methods say what is wrong. */
  #through = false
  #parts: Bytes[] = []
  #size = 0

  constructor(res: ServerResponse, options: CaptureOptions) {
    // Node's own fields, which its types leave out.
    this.res = res as ServerResponse & Internals
    this.#options = options
    this.doors = hold(res, this)
    this.#unwatch = onSocketClose(res.req.socket, () => this.#gone())
    const stopSources = watchSources(res)
    // Now that other bytes have left, after Node has taken note and before anybody who came later takes it for an end.
    res.once('finish', () => {
      if (this.#phase === 'cut') stopSources(new CountersignError('answer-unsignable', { detail: { step: 'cut-off' } }))
    })
  }

  writeHead(given: Written): unknown {
    if (this.#through) return Reflect.apply(this.doors.writeHead, this.res, given)
    return this.#writeHead(given[0], given[1], given[2])
  }

  flushHeaders(): unknown {
    if (this.#through) return this.doors.flushHeaders.call(this.res)
    this.#begin()
    // Whoever wants the head to be read now has more to say later.
    if (this.#options.begin !== undefined) this.#leaveIfBody()
    return undefined
  }

  write(given: Written): unknown {
    return this.#through ? Reflect.apply(this.doors.write, this.res, given) : this.#write(argumentsOf(given))
  }

  end(given: Written): unknown {
    return this.#through ? Reflect.apply(this.doors.end, this.res, given) : this.#end(argumentsOf(given))
  }

  /** As Node's, but that the head stays here: from now on it counts as sent. */
  #writeHead(status: unknown, first: unknown, second: unknown): ServerResponse {
    const res = this.res
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
    // Whoever asks for events waits for the head of the answer first of all.
    if (this.#typeOf().startsWith('text/event-stream')) this.#leaveIfBody()
    return res
  }

  /** Whoever wrapped `writeHead` after us wants to hear of a head that nobody wrote. */
  #begin(): void {
    if (this.res._header === null) this.res.writeHead(this.res.statusCode)
  }

  #write({ chunk, encoding, callback }: WriteArguments): boolean {
    const res = this.res
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
    if (this.#phase === 'open' && this.#options.begin !== undefined && hasRecords(this.#typeOf())) this.#leaveIfBody()
    if (this.#stream === undefined) this.#keep(bytes)
    else this.#stream.write(bytes)
    if (this.#stream !== undefined) {
      if (callback !== undefined) this.#stream.whenTaken(callback)
      return this.#stream.isFree
    }
    if (callback !== undefined) process.nextTick(callback)
    // Never asks to wait for a 'drain' that would not come, until there is nothing to wait for.
    return this.#phase === 'open'
  }

  #end({ chunk, encoding, callback }: WriteArguments): ServerResponse {
    const { res } = this
    if (this.#phase !== 'cut' && res.finished) return Reflect.apply(native.end, res, [chunk, encoding, callback])
    if (callback !== undefined) this.#afterFinish(callback)
    if ((this.#phase === 'open' || this.#phase === 'streaming') && !res.destroyed) this.#last(chunk, encoding)
    if (this.#phase === 'streaming') this.#endStream()
    else if (this.#phase === 'open') this.#finish()
    else if (this.#phase === 'closed') res.finished = true
    return res
  }

  #last(chunk: unknown, encoding: unknown): void {
    const bytes = chunk ? bytesOf(chunk, encoding) : new Uint8Array(0)
    if (bytes === undefined) Reflect.apply(native.write, this.res, [chunk])
    this.#begin()
    if (this.#stream === undefined) this.#keep(bytes ?? new Uint8Array(0))
    else if (bytes !== undefined && bytes.length > 0) this.#stream.write(bytes)
  }

  #afterFinish(callback: () => void): void {
    if (this.res.writableFinished) process.nextTick(callback)
    else this.res.once('finish', callback)
  }

  #keep(bytes: Bytes): void {
    if (this.#phase !== 'open' || bytes.length === 0 || this.#isBodiless()) return
    this.#size += bytes.length
    this.#parts.push(bytes)
    if (this.#size > this.#options.maxBytes) this.#leave()
  }

  #isBodiless(): boolean {
    return isBodiless(this.res.req.method, this.res.statusCode)
  }

  #typeOf(): string {
    return String(this.res.getHeader('content-type')).toLowerCase()
  }

  #leaveIfBody(): void {
    if (!this.#isBodiless()) this.#leave()
  }

  /** Lets the answer leave as it is written: from now on nothing is kept. */
  #leave(): void {
    const { begin } = this.#options
    if (this.#phase !== 'open') return
    // Condition: an answer that is too long to be kept, or has no end, is cut off where its caller could not read it.
    if (begin === undefined) {
      this.#cut()
      return
    }
    this.#phase = 'streaming'
    const res = this.res
    const announced = res.getHeader('content-length')
    const head = { status: res.statusCode, fields: fieldsOf(res, this.#isBodiless()) }
    const bytes = announced === undefined ? undefined : Number(announced)
    const stream = new AnswerStream(this, bytes)
    this.#stream = stream
    const parts = this.#parts
    this.#parts = []
    stream.start(() => begin(head))
    for (const part of parts) stream.write(part)
  }

  /** Runs something past the doors. */
  through(work: () => void): void {
    this.#through = true
    try {
      work()
    } finally {
      this.#through = false
    }
  }

  /** Nothing has left yet, and as a stream nothing will. */
  refused(cause: unknown): void {
    this.#stream = undefined
    this.#phase = 'open'
    this.#cut(cause)
    // Who was told to wait is not to wait for ever.
    process.nextTick(() => this.res.emit('drain'))
  }

  /** Nothing has left yet, and nothing will. */
  lost(): void {
    this.#abort('closed')
  }

  /** All has left that will: what becomes of the connection is of no interest any more. */
  over(): void {
    this.#unwatch()
  }

  #endStream(): void {
    this.#phase = 'ended'
    this.res.finished = true
    this.#stream?.end()
  }

  #cut(cause?: unknown): void {
    if (this.#phase !== 'open') return
    this.#phase = 'cut'
    this.#parts = []
    this.#settle({ tooLarge: true, cause })
  }

  #finish(): void {
    const res = this.res
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
    this.#settle({ status: res.statusCode, fields: fieldsOf(res, this.#isBodiless()), body })
  }

  #settle(captured: Captured): void {
    try {
      const answer = this.#options.finish(captured)
      if (!(answer instanceof Promise)) {
        this.#deliver(answer)
        return
      }
      // Nothing is written yet, and to Node that looks like all.
      Object.defineProperty(this.res, 'writableFinished', { configurable: true, value: false })
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
    const res = this.res
    Reflect.deleteProperty(res, 'writableFinished')
    if (this.#phase === 'closed') return
    this.#unwatch()
    res.finished = false
    res._header = null
    this.#through = true
    try {
      deliver(res, answer, this.doors)
    } catch {
      // Half a head may be out: there is no way back but to close.
      res.destroy()
    }
    // What was cut off goes on writing, and must not hear of an end that it did not cause.
    this.#through = this.#phase !== 'cut'
  }

  #gone(): void {
    if (this.#phase === 'open') this.#abort('closed')
    this.#phase = 'closed'
    // Also where its handler has ended: some of it may not have left.
    this.#stream?.gone()
    closeAnswer(this.res)
  }

  #abort(cause: AbortCause): void {
    this.#phase = 'closed'
    this.#parts = []
    this.res.destroy()
    this.#options.onAborted(cause)
  }
}
