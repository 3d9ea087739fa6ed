import { andThen, type MaybePromise } from '../core/maybe-promise.ts'
import type { Body, Put } from './body.ts'
import type { BodyKey } from './body-key.ts'
import { nextIndex, openChunk, sealChunk, TAG_BYTES } from './chunks.ts'
import { Cutter } from './cutter.ts'
import { Pacer } from './pacer.ts'
import { unopened } from './unopened.ts'

/** Seals a body as it comes, in chunks of one length; the last one is shorter, and may be empty. */
export class ChunkSealer implements Body {
  readonly #key: BodyKey
  readonly #cutter: Cutter
  readonly #pacer = new Pacer()
  #count = 0

  constructor(key: BodyKey) {
    this.#key = key
    this.#cutter = new Cutter(key.suite.chunkBytes)
  }

  push(bytes: Uint8Array, put: Put): MaybePromise<void> {
    return this.#cutter.push(bytes, (chunk) => this.#seal(chunk, put))
  }

  end(put: Put): MaybePromise<void> {
    return this.#seal(this.#cutter.rest(), put)
  }

  #seal(chunk: Uint8Array, put: Put): MaybePromise<void> {
    return andThen(sealChunk(this.#key, nextIndex(this.#count++), chunk), (sealed) => {
      for (const piece of sealed) if (piece.length > 0) put(piece)
      return this.#pacer.spend(chunk.length)
    })
  }
}

/** Opens a body of chunks as it comes: a chunk is handed on when it was verified, and a body without its end fails. */
export class ChunkOpener implements Body {
  readonly #key: BodyKey
  readonly #cutter: Cutter
  readonly #pacer = new Pacer()
  #count = 0
  /** How many bytes may still be handed on. */
  #left: number

  constructor(key: BodyKey, maxPlaintextBytes: number) {
    this.#key = key
    this.#cutter = new Cutter(key.suite.chunkBytes + TAG_BYTES)
    this.#left = maxPlaintextBytes
  }

  push(bytes: Uint8Array, put: Put): MaybePromise<void> {
    return this.#cutter.push(bytes, (chunk) => this.#open(chunk, put))
  }

  end(put: Put): MaybePromise<void> {
    return this.#open(this.#cutter.rest(), put)
  }

  #open(sealed: Uint8Array, put: Put): MaybePromise<void> {
    this.#left -= Math.max(0, sealed.length - TAG_BYTES)
    // Condition: a stream that opens to more than the limit fails before the chunk that passes it is opened.
    if (this.#left < 0) throw unopened('too-large')
    return andThen(openChunk(this.#key, nextIndex(this.#count++), sealed), (chunk) => {
      if (chunk.length > 0) put(chunk)
      return this.#pacer.spend(chunk.length)
    })
  }
}
