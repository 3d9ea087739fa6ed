/** What is made of an answer as it comes in. None of its methods throws, but for `start`. */
export interface AnswerSink {
  /** The final header has come; `resume` goes on where `data` asked for a pause. */
  start(status: number, fields: string[], resume: () => void): void
  /** Gives false to pause the connection. */
  data(chunk: Uint8Array): boolean
  end(): void
  fail(reason: unknown): void
}

type RawHeader = readonly (RawValue | readonly RawValue[])[]
type RawValue = Uint8Array | string

/** The handler undici 7 calls for a request: the older of its two shapes, the one that gives the raw header. */
export interface ExchangeHandler {
  onConnect(abort: (reason?: Error) => void): void
  onHeaders(status: number, header: RawHeader, resume: () => void): boolean
  onData(chunk: Uint8Array): boolean
  onComplete(): void
  onError(cause: unknown): void
}

/** One request on its way: ends once, in whatever phase, and is written to a connection at most once. */
export class Exchange implements ExchangeHandler {
  readonly #sink: AnswerSink
  readonly #signal: AbortSignal | undefined
  readonly #onOver: () => void
  #abort: ((reason?: Error) => void) | undefined
  #isOver = false

  constructor(sink: AnswerSink, { signal, onOver }: { signal: AbortSignal | undefined; onOver: () => void }) {
    this.#sink = sink
    this.#signal = signal
    this.#onOver = onOver
    signal?.addEventListener('abort', this.#onAbort)
  }

  /** Called where a connection is there and the request about to be written. */
  onConnect(abort: (reason?: Error) => void): void {
    // A throw leaves the connection as it is for the next request; `abort` would close it.
    // Condition: a request whose exchange is over by the time a connection is there is not sent.
    if (this.#isOver) throw new Error('The exchange ended before its request was sent.')
    // Condition: a request that may have arrived is not sent a second time.
    if (this.#abort !== undefined) throw new Error('The connection was lost after the request was sent.')
    this.#abort = abort
  }

  onHeaders(status: number, header: RawHeader, resume: () => void): boolean {
    if (status < 200 || this.#isOver) return true
    this.#sink.start(status, rawFields(header), resume)
    // These end here. undici would take the length that a 304 may announce (RFC 9110 §8.6) for one it has to receive.
    if (status === 204 || status === 304) this.onComplete()
    return true
  }

  onData(chunk: Uint8Array): boolean {
    return this.#isOver || this.#sink.data(chunk)
  }

  onComplete(): void {
    if (this.#finish()) this.#sink.end()
  }

  onError(cause: unknown): void {
    if (this.#finish()) this.#sink.fail(cause)
  }

  /** Ends the exchange without a word to the sink, and closes the connection (of HTTP/2: the stream). */
  stop(): void {
    if (this.#finish()) this.#abort?.(new Error('The exchange was stopped.'))
  }

  readonly #onAbort = (): void => {
    if (this.#isOver) return
    this.stop()
    this.#sink.fail(this.#signal?.reason)
  }

  /** Gives true the first time. */
  #finish(): boolean {
    if (this.#isOver) return false
    this.#isOver = true
    this.#signal?.removeEventListener('abort', this.#onAbort)
    this.#onOver()
    return true
  }
}

/** The flat list of fields: one byte, one character, as every HTTP library of Node reads them. */
function rawFields(header: RawHeader): string[] {
  const raw: string[] = []
  for (let i = 0; i + 1 < header.length; i += 2) {
    const name = text(header[i] as RawValue)
    const value = header[i + 1] as RawValue | readonly RawValue[]
    // Only interceptors of a dispatcher of one's own hand over lists of values.
    if (Array.isArray(value)) for (const one of value as readonly RawValue[]) raw.push(name, text(one))
    else raw.push(name, text(value as RawValue))
  }
  return raw
}

function text(value: RawValue): string {
  if (typeof value === 'string') return value
  const bytes = Buffer.isBuffer(value) ? value : Buffer.from(value.buffer, value.byteOffset, value.length)
  return bytes.toString('latin1')
}
