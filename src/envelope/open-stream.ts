import type { Bytes } from '../core/bytes.ts'
import { andThen, type MaybePromise } from '../core/maybe-promise.ts'
import type { Body, Put } from './body.ts'
import { openerFor } from './body-for.ts'
import { bodyKeyOf } from './body-key.ts'
import { encodeContext } from './context.ts'
import { HeaderGatherer } from './header-gatherer.ts'
import { checkBytes } from './misuse.ts'
import { checkOpenOptions, type OpenOptions } from './open.ts'
import { checkStreamHead, type StreamHead } from './stream-head.ts'

/** An envelope that is read as it comes. */
export class EnvelopeOpener implements Body {
  readonly #options: OpenOptions
  readonly #context: Bytes | undefined
  readonly #maxPlaintextBytes: number
  readonly #head = new HeaderGatherer()
  readonly #expected: StreamHead | undefined
  #body: Body | undefined

  /** `expected`: what was said of the envelope beforehand, by somebody whose word counts. */
  constructor(options: OpenOptions, expected?: StreamHead) {
    this.#expected = expected
    this.#maxPlaintextBytes = checkOpenOptions(options, Number.MAX_SAFE_INTEGER)
    this.#context = encodeContext(options.context ?? {})
    this.#options = options
  }

  /** Whether the header was there and held. */
  get isBegun(): boolean {
    return this.#body !== undefined
  }

  push(bytes: Uint8Array, put: Put): MaybePromise<void> {
    checkBytes(bytes, 'chunk')
    if (this.#body !== undefined) return this.#body.push(bytes, put)
    const found = this.#head.push(bytes)
    if (found === undefined) return undefined
    const { header, rest } = found
    if (this.#expected !== undefined) checkStreamHead(header, this.#expected)
    return andThen(bodyKeyOf(header, this.#options.with, this.#context), (bodyKey) => {
      this.#body = openerFor(bodyKey, this.#maxPlaintextBytes)
      return this.#body.push(rest, put)
    })
  }

  end(put: Put): MaybePromise<void> {
    return this.#body === undefined ? this.#head.end() : this.#body.end(put)
  }
}

/**
 * Opens a stream that was sealed by `sealStream`, or any other envelope, in constant memory. Each chunk is given out
 * when it was verified: what you have read is a true beginning of what was sealed. A stream that was cut off, changed,
 * put together from two, or that has something behind its end fails with an error and never ends as if it were whole:
 * act on what you have read only when the stream has closed, or be ready to take it back.
 *
 * It does not prove who sealed, nor that the envelope is new, as with `open`.
 *
 * @param options as for `open`; the plaintext is not limited by default
 * @throws {CountersignError} `option-invalid`; the stream fails with `unopened` for whatever is wrong with the envelope
 * @example
 * await download.pipeThrough(openStream({ with: keyring, context: { tenant: 'acme', id: '42' } })).pipeTo(file)
 * @see SVE1 §10.5, §10.6
 */
export function openStream(options: OpenOptions): TransformStream<Uint8Array, Bytes> {
  const opener = new EnvelopeOpener(options)
  return new TransformStream({
    transform: (bytes, controller) => opener.push(bytes, (piece) => controller.enqueue(piece)),
    flush: (controller) => opener.end((piece) => controller.enqueue(piece)),
  })
}
