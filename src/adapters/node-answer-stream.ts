import type { ServerResponse } from 'node:http'
import { andThen, type MaybePromise } from '../core/maybe-promise.ts'
import type { Body } from '../envelope/body.ts'
import type { StreamedAnswer } from '../flow/answer-stream.ts'
import { Feed } from './node-feed.ts'
import type { Doors } from './node-held-doors.ts'
import { deliverHead } from './node-send.ts'
import type { Internals } from './node-written.ts'

/** Who holds the answer that leaves as it is written. */
export interface Holder {
  readonly res: ServerResponse & Internals
  readonly doors: Doors
  /** Runs something past the doors. */
  through(work: () => void): void
  /** Nothing has left yet, and as a stream nothing will. */
  refused(cause: unknown): void
  /** Nothing has left yet, and nothing will. */
  lost(): void
  /** All has left that will: what becomes of the connection is of no interest any more. */
  over(): void
}

/** Seals what a handler writes and sends it on at once: its writes wait when the connection does. */
export class AnswerStream {
  readonly #holder: Holder
  readonly #announcedBytes: number | undefined
  readonly #feed: Feed
  #streamed: StreamedAnswer | undefined
  #plainBytes = 0
  #sentBytes = 0
  #isOver = false
  #isWaitedFor = false
  #callbacks: (() => void)[] = []

  /** `announcedBytes`: how long the handler says that its body is. */
  constructor(holder: Holder, announcedBytes: number | undefined) {
    this.#holder = holder
    this.#announcedBytes = announcedBytes
    const body: Body = {
      push: (bytes, put) => this.#streamed?.body.push(bytes, put),
      end: (put) => this.#streamed?.body.end(put),
    }
    this.#feed = new Feed(body, {
      put: (piece) => this.#send(piece),
      idle: () => this.#idle(),
      ended: () => this.#ended(),
      failed: (cause) => this.#failed(cause),
    })
  }

  /** Sends the head as soon as it is signed. */
  start(begin: () => MaybePromise<StreamedAnswer>): void {
    this.#feed.first(() => andThen(begin(), (streamed) => this.#begin(streamed)))
  }

  /** Whether more may be written; where not, 'drain' says when. */
  get isFree(): boolean {
    if (!this.#feed.isIdle) this.#isWaitedFor = true
    return this.#feed.isIdle && !this.#holder.res.writableNeedDrain
  }

  /** Calls back when all that was written so far has found room, as who paces itself by that expects, or never will. */
  whenTaken(callback: () => void): void {
    const { res } = this.#holder
    if (this.isFree || this.#isOver) process.nextTick(callback)
    else if (this.#callbacks.push(callback) === 1) {
      res.once('drain', this.#callBack)
      res.once('close', this.#callBack)
    }
  }

  readonly #callBack = (): void => {
    const { res } = this.#holder
    res.off('drain', this.#callBack)
    res.off('close', this.#callBack)
    for (const callback of this.#callbacks.splice(0)) callback()
  }

  /** Takes what the handler writes: whether it had better wait says `isFree`. */
  write(bytes: Uint8Array): void {
    this.#plainBytes += bytes.length
    // Condition: a streamed answer longer than its handler announced does not come to its end.
    if (this.#announcedBytes !== undefined && this.#plainBytes > this.#announcedBytes) this.#breakOff()
    this.#feed.push(bytes)
  }

  end(): void {
    // Condition: a streamed answer shorter than its handler announced does not come to its end.
    if (this.#announcedBytes !== undefined && this.#plainBytes !== this.#announcedBytes) this.#breakOff()
    this.#feed.end()
  }

  /** The connection is gone. */
  gone(): void {
    this.#tell(new Error('The connection closed before the answer had come to its end.'))
    this.#feed.stop()
  }

  #begin(streamed: StreamedAnswer): void {
    const { res, doors } = this.#holder
    // Something else was answered while the head was being signed, or there is nobody left to answer.
    if (this.#isOver) return
    this.#streamed = streamed
    this.#pass(() => {
      res._header = null
      deliverHead(res, streamed.head, doors)
    })
    for (const piece of streamed.first) this.#send(piece)
  }

  #send(piece: Uint8Array): void {
    const { res, doors } = this.#holder
    this.#sentBytes += piece.length
    this.#pass(() => Reflect.apply(doors.write, res, [Buffer.from(piece.buffer, piece.byteOffset, piece.length)]))
  }

  /** The handler may have ended its own writes already: ours go on. */
  #pass(work: () => void): void {
    const { res } = this.#holder
    if (res.destroyed) return
    const { finished } = res
    res.finished = false
    this.#holder.through(work)
    res.finished ||= finished
  }

  #idle(): void {
    const { res } = this.#holder
    // Where the connection is full, Node says so itself when it is not any more.
    if (!this.#isWaitedFor || res.writableNeedDrain) return
    this.#isWaitedFor = false
    res.emit('drain')
  }

  #ended(): void {
    const { res, doors } = this.#holder
    this.#tell(undefined)
    this.#pass(() => {
      // No proof covers trailers.
      res._trailer = ''
      try {
        Reflect.apply(doors.end, res, [])
      } catch {
        // Whoever wrapped it earlier has failed: what has no end is to look like that.
        res.destroy()
      }
    })
  }

  #failed(cause: unknown): void {
    if (this.#streamed === undefined) {
      this.#isOver = true
      this.#holder.refused(cause)
      return
    }
    this.#tell(cause)
    this.#holder.res.destroy()
  }

  #breakOff(): void {
    if (this.#isOver) return
    this.#feed.stop()
    this.#failed(new Error('The answer has another length than was announced.'))
  }

  #tell(error: unknown): void {
    this.#isOver = true
    if (this.#streamed === undefined) {
      this.#holder.lost()
      return
    }
    this.#holder.over()
    this.#streamed.ended({ bytes: this.#sentBytes, error })
  }
}
