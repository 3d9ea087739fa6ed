import type { Bytes } from '../core/bytes.ts'
import { andThen, type MaybePromise } from '../core/maybe-promise.ts'
import type { Body, Put } from './body.ts'
import { sealerFor } from './body-for.ts'
import { type Entropy, systemEntropy } from './entropy.ts'
import { checkBytes } from './misuse.ts'
import { begin, checkSealOptions, type SealOptions } from './seal.ts'
import type { StreamHead } from './stream-head.ts'
import { LARGE_CHUNKED, RECORDS } from './suite.ts'

/** To whom, under which context, and how the stream is cut. */
export interface SealStreamOptions extends SealOptions {
  /**
   * Seals each write as a record of its own, which the other end reads as soon as it is there: for events. The lengths
   * of the writes can be seen. Chunks of 256 KiB by default.
   */
  readonly records?: boolean
}

/** An envelope that is written as its content comes. */
export class EnvelopeSealer implements Body {
  readonly #entropy: Entropy
  readonly #options: SealStreamOptions
  #body: Body | undefined

  constructor(options: SealStreamOptions, entropy: Entropy = systemEntropy) {
    checkSealOptions(options)
    this.#options = options
    this.#entropy = entropy
  }

  /** Hands on the header: a reader need not wait for the first chunk to find out that it cannot read. */
  start(put: Put): MaybePromise<StreamHead> {
    const suite = this.#options.records === true ? RECORDS : LARGE_CHUNKED
    const begun = begin({ entropy: this.#entropy, suite, bodyBytes: 0 }, this.#options)
    return andThen(begun, ({ bytes, head, bodyKey }) => {
      this.#body = sealerFor(bodyKey)
      put(bytes)
      return head
    })
  }

  push(bytes: Uint8Array, put: Put): MaybePromise<void> {
    checkBytes(bytes, 'chunk')
    return this.#body?.push(bytes, put)
  }

  end(put: Put): MaybePromise<void> {
    return this.#body?.end(put)
  }
}

/**
 * Seals a stream of bytes for one recipient or several, bound to a context, in constant memory: what is written is
 * encrypted in chunks of 256 KiB, and back-pressure passes through. An abort reaches the other end as an abort; only a
 * stream that was closed becomes an envelope that opens to its end.
 *
 * It does not prove who sealed, and the length stays visible, as with `seal`.
 *
 * @throws {CountersignError} `option-invalid`; the stream fails with `key-invalid` where a key turns out not to be usable
 * @example
 * await file.stream().pipeThrough(sealStream({ to: keyring, context: { tenant: 'acme', id: '42' } })).pipeTo(upload)
 * @see SVE1 §10.1, §10.6; suite 03
 */
export function sealStream(options: SealStreamOptions): TransformStream<Uint8Array, Bytes> {
  const sealer = new EnvelopeSealer(options)
  return new TransformStream({
    start: async (controller) => {
      await sealer.start((piece) => controller.enqueue(piece))
    },
    transform: (bytes, controller) => sealer.push(bytes, (piece) => controller.enqueue(piece)),
    flush: (controller) => sealer.end((piece) => controller.enqueue(piece)),
  })
}
