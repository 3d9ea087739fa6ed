import type { IncomingMessage } from 'node:http'
import { type Bytes, concat } from '../core/bytes.ts'
import { Fields } from '../core/message.ts'
import { announcesBody, lineOf, replaceFields } from './node-request.ts'
import { onSocketClose } from './node-socket-close.ts'

/** How much of a body is read, and until when. */
export interface ReadBodyOptions {
  readonly maxBytes: number
  readonly signal?: AbortSignal | undefined
  /** Whether the stream is read to its very end: nobody will read it again, and parsers see that it is finished. */
  readonly isLast?: boolean
}

/**
 * Reads the whole body and leaves the stream just before its end, so that `replayBody` can let it begin again.
 * Rejects with an `AbortError` where the caller goes away or the signal says so.
 */
export function readBody(req: IncomingMessage, options: ReadBodyOptions): Promise<Bytes | 'too-large'> {
  if (!announcesBody(req)) return Promise.resolve(new Uint8Array(0))
  // Condition: a body announced as longer than the limit is not read.
  if (Number(lineOf(req, 'content-length')) > options.maxBytes) return Promise.resolve('too-large')
  if (req.destroyed) return Promise.reject(aborted())
  if (options.signal?.aborted === true) return Promise.reject(aborted(options.signal.reason))
  if (options.isLast === true) return readToEnd(req, options)
  const reading = new Reading(req, options.maxBytes)
  const taken = reading.take()
  return taken === undefined ? reading.rest(options.signal) : Promise.resolve(taken)
}

/** What came in one piece is not copied: nobody else holds it. */
function joined(parts: readonly Uint8Array[]): Bytes {
  const [only] = parts
  if (only === undefined || parts.length > 1) return concat(...parts)
  return new Uint8Array(only.buffer as ArrayBuffer, only.byteOffset, only.length)
}

/** Reads a body that nobody will read again: to the end of the stream, in the way that costs least. */
function readToEnd(req: IncomingMessage, { maxBytes, signal }: ReadBodyOptions): Promise<Bytes | 'too-large'> {
  return new Promise((resolve, reject) => {
    const parts: Uint8Array[] = []
    let size = 0
    const onData = (chunk: Uint8Array) => {
      size += chunk.length
      parts.push(chunk)
      if (size > maxBytes) stop()
    }
    const stop = () => {
      req.pause()
      req.off('data', onData)
      done()
      resolve('too-large')
    }
    const onAbort = () => {
      req.off('data', onData)
      done()
      reject(aborted(signal?.reason))
    }
    const done = () => {
      unwatch()
      signal?.removeEventListener('abort', onAbort)
    }
    const unwatch = onSocketClose(req.socket, onAbort)
    signal?.addEventListener('abort', onAbort)
    // On a request of Express each listener that comes or goes costs microseconds: at the end of a stream all may stay.
    req.on('end', () => {
      done()
      resolve(joined(parts))
    })
    req.on('data', onData)
  })
}

class Reading {
  readonly #req: IncomingMessage
  readonly #maxBytes: number
  readonly #parts: Uint8Array[] = []
  #size = 0

  constructor(req: IncomingMessage, maxBytes: number) {
    this.#req = req
    this.#maxBytes = maxBytes
  }

  /** Takes what is there. Never asks for more than that: to read beyond the last byte would end the stream. */
  take(): Bytes | 'too-large' | undefined {
    const req = this.#req
    while (req.readableLength > 0) {
      const chunk: Uint8Array | null = req.read(req.readableLength)
      if (chunk === null) break
      this.#size += chunk.length
      // Condition: a body that turns out longer than the limit is not read to its end.
      if (this.#size > this.#maxBytes) return 'too-large'
      this.#parts.push(chunk)
    }
    return req.complete ? joined(this.#parts) : undefined
  }

  rest(signal: AbortSignal | undefined): Promise<Bytes | 'too-large'> {
    const req = this.#req
    return new Promise((resolve, reject) => {
      const settle = (done: () => void) => {
        req.off('readable', onReadable)
        req.off('close', onClose)
        signal?.removeEventListener('abort', onAbort)
        // The stream forgets its 'readable' listener a tick later; only then is it as new for the next reader.
        process.nextTick(done)
      }
      const onReadable = () => {
        const taken = this.take()
        if (taken !== undefined) settle(() => resolve(taken))
      }
      const onClose = () => settle(() => reject(aborted()))
      const onAbort = () => settle(() => reject(aborted(signal?.reason)))
      // Marks the stream as being read. Otherwise the listener makes it look for data by itself a tick later, and
      // where the body has turned out empty by then, that look ends it.
      req.read(0)
      req.on('readable', onReadable)
      req.on('close', onClose)
      signal?.addEventListener('abort', onAbort)
    })
  }
}

/** Says that the other end went away. */
export function aborted(cause?: unknown): Error {
  const error = new Error('The body was not read to its end.', cause === undefined ? undefined : { cause })
  error.name = 'AbortError'
  return error
}

/** The fields of a request whose body has these many bytes now, if they say otherwise. */
export function withLength(req: IncomingMessage, fields: Fields, length: number): Fields {
  const isExact = lineOf(req, 'content-length') === String(length)
  if (isExact && lineOf(req, 'transfer-encoding') === undefined) return fields
  return fields.without('transfer-encoding').with({ 'content-length': String(length) })
}

/**
 * Lets a body that `readBody` has read begin again with these bytes, as if they had arrived. To be called after
 * `replaceFields`: where the length in the header is another, it is brought up to date.
 */
export function replayBody(req: IncomingMessage, bytes: Bytes | undefined): void {
  const length = bytes?.length ?? 0
  if (bytes !== undefined && length > 0) req.unshift(Buffer.from(bytes.buffer, bytes.byteOffset, length))
  if (length === 0 && !announcesBody(req)) return
  const fields = new Fields(req.rawHeaders)
  const exact = withLength(req, fields, length)
  if (exact !== fields) replaceFields(req, exact)
}

const discarded = new WeakSet<IncomingMessage>()

/** Whether the rest of a body flows to nobody. */
export function isDiscarded(req: IncomingMessage): boolean {
  return discarded.has(req)
}

/** Lets go of a body that nobody has begun to read, as Node does when an answer is finished. */
export function discardUnread(req: IncomingMessage): void {
  const begun = req.readableFlowing !== null || req.listenerCount('readable') > 0
  if (begun || req.readableEnded || req.destroyed) return
  discarded.add(req)
  req.resume()
}
