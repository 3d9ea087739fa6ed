import { concat } from '../core/bytes.ts'
import type { ExchangeAnswer } from '../flow/engine.ts'
import type { AnswerSink } from './undici-exchange.ts'

/** Whom a sink tells, and what it can ask of its exchange. */
export interface Told<T> {
  resolve(value: T): void
  reject(reason: unknown): void
  /** Ends the exchange where nobody wants the rest. */
  stop(): void
}

/** Collects an answer up to a size. */
export class Collected implements AnswerSink {
  readonly #told: Told<ExchangeAnswer>
  readonly #maxBytes: number
  readonly #chunks: Uint8Array[] = []
  #length = 0
  #status = 0
  #fields: string[] = []

  constructor(told: Told<ExchangeAnswer>, maxBytes: number) {
    this.#told = told
    this.#maxBytes = maxBytes
  }

  start(status: number, fields: string[]): void {
    this.#status = status
    this.#fields = fields
  }

  data(chunk: Uint8Array): boolean {
    this.#length += chunk.length
    this.#chunks.push(chunk)
    // Condition: an answer larger than the limit is not read on, and its connection closed.
    if (this.#length <= this.#maxBytes) return true
    this.#told.stop()
    this.#told.resolve({ status: this.#status, fields: this.#fields, body: 'too-large' })
    return false
  }

  end(): void {
    this.#told.resolve({ status: this.#status, fields: this.#fields, body: concat(...this.#chunks) })
  }

  fail(reason: unknown): void {
    this.#told.reject(reason)
  }
}

const BUFFERED_BYTES = 65_536
/** Statuses whose answers have no body (Fetch §2.2.3); `Response` insists on it. */
const BODILESS = new Set([204, 205, 304])

/** Makes a `Response` of an answer as soon as its header is there; its body follows as fast as it is read. */
export class Streamed implements AnswerSink {
  readonly #told: Told<Response>
  readonly #method: string
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined

  constructor(told: Told<Response>, method: string) {
    this.#told = told
    this.#method = method
  }

  start(status: number, fields: string[], resume: () => void): void {
    const hasBody = this.#method !== 'HEAD' && !BODILESS.has(status)
    const headers: [string, string][] = []
    for (let i = 0; i + 1 < fields.length; i += 2) headers.push([fields[i] as string, fields[i + 1] as string])
    this.#told.resolve(new Response(hasBody ? this.#body(resume) : null, { status, headers }))
  }

  data(chunk: Uint8Array): boolean {
    const controller = this.#controller
    if (controller === undefined) return true
    controller.enqueue(new Uint8Array(chunk))
    return (controller.desiredSize ?? 0) > 0
  }

  end(): void {
    this.#controller?.close()
  }

  fail(reason: unknown): void {
    this.#told.reject(reason)
    this.#controller?.error(reason)
  }

  #body(resume: () => void): ReadableStream<Uint8Array> {
    return new ReadableStream(
      {
        start: (controller) => {
          this.#controller = controller
        },
        pull: resume,
        cancel: () => this.#told.stop(),
      },
      { highWaterMark: BUFFERED_BYTES, size: (chunk) => chunk.length },
    )
  }
}
