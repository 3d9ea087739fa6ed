import { concat } from '../core/bytes.ts'
import type { ExchangeAnswer, ExchangeRequest } from '../flow/engine.ts'
import type { AnswerSink } from './undici-exchange.ts'

/** Whom a sink tells, and what it can ask of its exchange. */
export interface Told<T> {
  resolve(value: T): void
  reject(reason: unknown): void
  /** Ends the exchange where nobody wants the rest. */
  stop(): void
}

const BUFFERED_BYTES = 65_536

/** The body of an answer as it comes: the connection waits where nobody reads. */
class Pouring {
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined
  readonly stream: ReadableStream<Uint8Array>

  constructor(resume: () => void, cancel: () => void) {
    const start = (controller: ReadableStreamDefaultController<Uint8Array>) => {
      this.#controller = controller
    }
    const strategy = { highWaterMark: BUFFERED_BYTES, size: (chunk: Uint8Array) => chunk.length }
    this.stream = new ReadableStream({ start, pull: resume, cancel }, strategy)
  }

  data(chunk: Uint8Array): boolean {
    this.#controller?.enqueue(new Uint8Array(chunk))
    return (this.#controller?.desiredSize ?? 0) > 0
  }

  end(): void {
    this.#controller?.close()
  }

  fail(reason: unknown): void {
    this.#controller?.error(reason)
  }
}

/** Collects an answer up to a size; of one that streams it gives the body as it comes. */
export class Collected implements AnswerSink {
  readonly #told: Told<ExchangeAnswer>
  readonly #wanted: Pick<ExchangeRequest, 'maxBytes' | 'isStream'>
  readonly #chunks: Uint8Array[] = []
  #pouring: Pouring | undefined
  #length = 0
  #status = 0
  #fields: string[] = []

  constructor(told: Told<ExchangeAnswer>, wanted: Pick<ExchangeRequest, 'maxBytes' | 'isStream'>) {
    this.#told = told
    this.#wanted = wanted
  }

  start(status: number, fields: string[], resume: () => void): void {
    this.#status = status
    this.#fields = fields
    if (this.#wanted.isStream?.(fields) !== true) return
    this.#pouring = new Pouring(resume, () => this.#told.stop())
    this.#told.resolve({ status, fields, body: this.#pouring.stream })
  }

  data(chunk: Uint8Array): boolean {
    if (this.#pouring !== undefined) return this.#pouring.data(chunk)
    this.#length += chunk.length
    this.#chunks.push(chunk)
    // Condition: an answer larger than the limit is not read on, and its connection closed.
    if (this.#length <= this.#wanted.maxBytes) return true
    this.#told.stop()
    this.#told.resolve({ status: this.#status, fields: this.#fields, body: 'too-large' })
    return false
  }

  end(): void {
    this.#pouring?.end()
    this.#told.resolve({ status: this.#status, fields: this.#fields, body: concat(...this.#chunks) })
  }

  fail(reason: unknown): void {
    this.#told.reject(reason)
    this.#pouring?.fail(reason)
  }
}

/** Statuses whose answers have no body (Fetch §2.2.3); `Response` insists on it. */
const BODILESS = new Set([204, 205, 304])

/** Makes a `Response` of an answer as soon as its header is there; its body follows as fast as it is read. */
export class Streamed implements AnswerSink {
  readonly #told: Told<Response>
  readonly #method: string
  #pouring: Pouring | undefined

  constructor(told: Told<Response>, method: string) {
    this.#told = told
    this.#method = method
  }

  start(status: number, fields: string[], resume: () => void): void {
    const hasBody = this.#method !== 'HEAD' && !BODILESS.has(status)
    const headers: [string, string][] = []
    for (let i = 0; i + 1 < fields.length; i += 2) headers.push([fields[i] as string, fields[i + 1] as string])
    if (hasBody) this.#pouring = new Pouring(resume, () => this.#told.stop())
    this.#told.resolve(new Response(this.#pouring?.stream ?? null, { status, headers }))
  }

  data(chunk: Uint8Array): boolean {
    return this.#pouring === undefined || this.#pouring.data(chunk)
  }

  end(): void {
    this.#pouring?.end()
  }

  fail(reason: unknown): void {
    this.#told.reject(reason)
    this.#pouring?.fail(reason)
  }
}
