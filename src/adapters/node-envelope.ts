import { Transform, type TransformCallback } from 'node:stream'
import type { MaybePromise } from '../core/maybe-promise.ts'
import type { Body } from '../envelope/body.ts'
import type { OpenOptions } from '../envelope/open.ts'
import { EnvelopeOpener } from '../envelope/open-stream.ts'
import { EnvelopeSealer, type SealStreamOptions } from '../envelope/seal-stream.ts'

type Begin = (put: (piece: Uint8Array) => void) => MaybePromise<unknown>

/** A body that is sealed or opened as it comes, as a stream of Node. */
class BodyTransform extends Transform {
  readonly #body: Body
  readonly #begin: Begin | undefined

  constructor(body: Body, begin?: Begin) {
    super()
    this.#body = body
    this.#begin = begin
  }

  override _construct(done: TransformCallback): void {
    void this.#settle(() => this.#begin?.((piece) => this.push(piece)), done)
  }

  override _transform(bytes: Uint8Array, _encoding: string, done: TransformCallback): void {
    void this.#settle(() => this.#body.push(bytes, (piece) => this.push(piece)), done)
  }

  override _flush(done: TransformCallback): void {
    void this.#settle(() => this.#body.end((piece) => this.push(piece)), done)
  }

  async #settle(work: () => MaybePromise<unknown>, done: TransformCallback): Promise<void> {
    let failure: unknown
    try {
      await work()
    } catch (cause) {
      failure = cause
    }
    // Outside: what fails in the callback is not the stream's failure.
    done(failure as Error | undefined)
  }
}

/**
 * As `sealStream`, for streams of Node: pass it to `pipeline`. A stream that fails or is destroyed makes no envelope that
 * opens to its end.
 *
 * @throws {CountersignError} `option-invalid`; the stream fails with `key-invalid` where a key turns out not to be usable
 * @example
 * await pipeline(createReadStream('dump.sql'), sealTransform({ to: keyring, context }), createWriteStream('dump.sve1'))
 * @see SVE1 §10.1, §10.6; suite 03
 */
export function sealTransform(options: SealStreamOptions): Transform {
  const sealer = new EnvelopeSealer(options)
  return new BodyTransform(sealer, (put) => sealer.start(put))
}

/**
 * As `openStream`, for streams of Node: pass it to `pipeline`, which fails where the envelope is not whole. Do not use
 * what was written before `pipeline` is done.
 *
 * @throws {CountersignError} `option-invalid`; the stream fails with `unopened` for whatever is wrong with the envelope
 * @example
 * await pipeline(createReadStream('dump.sve1'), openTransform({ with: keyring, context }), createWriteStream('dump.part'))
 * @see SVE1 §10.5, §10.6
 */
export function openTransform(options: OpenOptions): Transform {
  return new BodyTransform(new EnvelopeOpener(options))
}
