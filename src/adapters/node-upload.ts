import type { IncomingMessage } from 'node:http'
import type { EnvelopeOpener } from '../envelope/open-stream.ts'
import type { Upload } from '../flow/inbound/stages.ts'
import { aborted, isDiscarded } from './node-body.ts'
import { Feed } from './node-feed.ts'
import { onSocketClose } from './node-socket-close.ts'

/**
 * Lets a request give what the opener makes of its body instead of what arrives. Waits until the opener has begun; rejects
 * where it cannot, or with an `AbortError` where the caller goes away before.
 */
export function streamBody(req: IncomingMessage, opener: EnvelopeOpener): Promise<Upload> {
  return new Promise((resolve, reject) => {
    const upload = new NodeUpload(req, opener, { resolve: () => resolve(upload), reject })
    upload.start()
  })
}

interface Told {
  resolve(): void
  reject(cause: unknown): void
}

/**
 * Stands where the parser hands over the body: every way to read a request begins there. What was opened goes on into the
 * request, and the socket is read as fast as the handler reads.
 */
class NodeUpload implements Upload {
  readonly #req: IncomingMessage
  readonly #opener: EnvelopeOpener
  readonly #told: Told
  readonly #native: IncomingMessage['push']
  readonly #feed: Feed
  readonly #unwatch: () => void
  /** All of it had arrived before anybody looked: what was opened is put back in front of the end. */
  #whole: Buffer[] | undefined
  #isHandedOver = false
  /** Nobody reads it, and it cannot be opened either. */
  #isSwallowed = false
  bytes = 0
  failure: unknown

  constructor(req: IncomingMessage, opener: EnvelopeOpener, told: Told) {
    this.#req = req
    this.#opener = opener
    this.#told = told
    this.#native = req.push
    this.#feed = new Feed(opener, {
      put: (piece) => this.#put(piece),
      idle: () => this.#goOn(),
      ended: () => this.#ended(),
      failed: (cause) => this.#failed(cause),
    })
    this.#unwatch = onSocketClose(req.socket, () => this.#gone())
  }

  start(): void {
    const req = this.#req
    if (req.complete) this.#whole = []
    const arrived: Uint8Array[] = []
    // Never asks for more than is there: to read beyond the last byte would end the stream.
    while (req.readableLength > 0) arrived.push(req.read(req.readableLength) as Uint8Array)
    req.push = (chunk: unknown) => this.#arrived(chunk as Uint8Array | null)
    for (const chunk of arrived) this.#feed.push(chunk)
    if (this.#whole !== undefined) this.#feed.end()
    else this.#goOn()
  }

  /** Called by the parser; false lets the socket rest until somebody reads. */
  #arrived(chunk: Uint8Array | null): boolean {
    if (chunk === null) {
      if (this.#isSwallowed) this.#give(null)
      this.#feed.end()
      return false
    }
    const isTaken = this.#feed.push(chunk)
    this.#handOver()
    return isTaken && this.#hasRoom()
  }

  #hasRoom(): boolean {
    return this.#req.readableLength < this.#req.readableHighWaterMark
  }

  #put(piece: Uint8Array): void {
    this.bytes += piece.length
    const bytes = Buffer.from(piece.buffer, piece.byteOffset, piece.length)
    if (this.#whole === undefined) this.#give(bytes)
    else this.#whole.push(bytes)
  }

  /**
   * What a listener of the handler's throws says nothing of the body: it goes where it would go without us. Not at once:
   * the parser, which calls, would take it for a request that is none.
   */
  #give(bytes: Buffer | null): void {
    try {
      this.#native.call(this.#req, bytes)
    } catch (cause) {
      setImmediate(() => {
        throw cause
      })
    }
  }

  #goOn(): void {
    this.#handOver()
    // Nothing may have come out of what was taken in: then nobody else asks for more.
    if (this.#hasRoom()) this.#req._read(0)
  }

  #handOver(): void {
    if (!this.#opener.isBegun) return
    this.#isHandedOver = true
    this.#told.resolve()
  }

  #ended(): void {
    this.#release()
    if (this.#whole === undefined) this.#give(null)
    else this.#req.unshift(Buffer.concat(this.#whole))
    this.#whole = undefined
    this.#handOver()
  }

  #failed(cause: unknown): void {
    this.failure = cause
    if (isDiscarded(this.#req)) {
      // The answer has left: what still arrives is swallowed where it arrives. To end the request before all of it has
      // arrived would close the connection.
      this.#unwatch()
      this.#isSwallowed = true
      if (this.#req.complete) this.#give(null)
      return
    }
    this.#release()
    // Condition: whoever reads a body that turns out to be changed or cut off gets an error, and never its end.
    if (this.#isHandedOver) this.#req.destroy(cause as Error)
    else this.#told.reject(cause)
  }

  #gone(): void {
    this.#feed.stop()
    this.#told.reject(aborted())
  }

  /** What still arrives is as it arrived, for whoever reads past it. */
  #release(): void {
    this.#unwatch()
    Reflect.deleteProperty(this.#req, 'push')
  }
}
