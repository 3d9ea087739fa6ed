import { primitives } from '#crypto'
import { type Bytes, concat } from '../core/bytes.ts'
import { andThen, inTurn, type MaybePromise } from '../core/maybe-promise.ts'
import type { Body, Put } from './body.ts'
import type { BodyKey } from './body-key.ts'
import { nextIndex, nonceAt, TAG_BYTES } from './chunks.ts'
import { Pacer } from './pacer.ts'
import { unopened } from './unopened.ts'

const HEAD_BYTES = 4
const FINAL = 0x80
/** What a record costs besides its length, counted in bytes. */
const RECORD_COST = 8192
const NOTHING = new Uint8Array(0)

/** What stands before a record, and is authenticated with it: whether it is the last one, and how long. */
function headOf(sealedBytes: number, isFinal: boolean): Bytes {
  return Uint8Array.of((sealedBytes >>> 24) | (isFinal ? FINAL : 0), sealedBytes >>> 16, sealedBytes >>> 8, sealedBytes)
}

function lengthIn(bytes: Uint8Array, at: number): number {
  const byte = (index: number) => bytes[at + index] as number
  return ((byte(0) & ~FINAL) << 24) | (byte(1) << 16) | (byte(2) << 8) | byte(3)
}

/** How many records a body has by what it says of itself, the broken one at its end included. */
export function recordCount(body: Uint8Array): number {
  let count = 0
  for (let at = 0; at < body.length; count++) {
    at += at + HEAD_BYTES > body.length ? HEAD_BYTES : HEAD_BYTES + lengthIn(body, at)
  }
  return count
}

/** Seals what comes as records, each at once; an empty one says that nothing more comes (SVE1 §10.6). */
export class RecordSealer implements Body {
  readonly #key: BodyKey
  readonly #pacer = new Pacer()
  #count = 0

  constructor(key: BodyKey) {
    this.#key = key
  }

  push(bytes: Uint8Array, put: Put): MaybePromise<void> {
    const { chunkBytes } = this.#key.suite
    return inTurn(Math.ceil(bytes.length / chunkBytes), (index) =>
      this.#seal(bytes.subarray(index * chunkBytes, (index + 1) * chunkBytes), { isFinal: false, put }),
    )
  }

  end(put: Put): MaybePromise<void> {
    return this.#seal(NOTHING, { isFinal: true, put })
  }

  #seal(record: Uint8Array, { isFinal, put }: { isFinal: boolean; put: Put }): MaybePromise<void> {
    const head = headOf(record.length + TAG_BYTES, isFinal)
    const nonce = nonceAt(this.#key.baseNonce, nextIndex(this.#count++))
    return andThen(primitives.encrypt(this.#key.key, nonce, record, head), (sealed) => {
      put(concat(head, ...sealed))
      return this.#pacer.spend(record.length + RECORD_COST)
    })
  }
}

/** Opens records as they come: each is handed on when it was verified, and a body without its final one fails. */
export class RecordOpener implements Body {
  readonly #key: BodyKey
  readonly #pacer = new Pacer()
  readonly #held: Uint8Array
  #length = 0
  #count = 0
  #isEnded = false
  #left: number

  constructor(key: BodyKey, maxPlaintextBytes: number) {
    this.#key = key
    this.#held = new Uint8Array(HEAD_BYTES + key.suite.chunkBytes + TAG_BYTES)
    this.#left = maxPlaintextBytes
  }

  async push(bytes: Uint8Array, put: Put): Promise<void> {
    let at = 0
    while (at < bytes.length) {
      // Condition: bytes behind the final record are refused.
      if (this.#isEnded) throw unopened('trailing')
      const end = Math.min(bytes.length, at + this.#needed() - this.#length)
      this.#held.set(bytes.subarray(at, end), this.#length)
      this.#length += end - at
      at = end
      if (this.#length === this.#needed()) await this.#open(put)
    }
  }

  end(): void {
    // Condition: an envelope that ends before its final record is refused.
    if (!this.#isEnded) throw unopened('truncated')
  }

  /** How long the record is with its head; of the head alone while that is not there. */
  #needed(): number {
    if (this.#length < HEAD_BYTES) return HEAD_BYTES
    const sealedBytes = lengthIn(this.#held, 0)
    const isFinal = ((this.#held[0] as number) & FINAL) !== 0
    // Condition: a record that is shorter than its tag or longer than records are is refused.
    if (sealedBytes < TAG_BYTES || sealedBytes > this.#key.suite.chunkBytes + TAG_BYTES) throw unopened('malformed')
    // Condition: an empty record that is not the final one is refused.
    if (sealedBytes === TAG_BYTES && !isFinal) throw unopened('malformed')
    return HEAD_BYTES + sealedBytes
  }

  #open(put: Put): MaybePromise<void> {
    const head = this.#held.slice(0, HEAD_BYTES)
    const sealed = this.#held.subarray(HEAD_BYTES, this.#length)
    this.#left -= sealed.length - TAG_BYTES
    // Condition: records of more than the limit fail before the one that passes it is opened.
    if (this.#left < 0) throw unopened('too-large')
    const nonce = nonceAt(this.#key.baseNonce, nextIndex(this.#count++))
    return andThen(primitives.decrypt(this.#key.key, nonce, sealed, head), (record) => {
      // Condition: a record whose tag does not hold is refused.
      if (record === undefined) throw unopened('chunk-auth')
      this.#length = 0
      this.#isEnded = ((head[0] as number) & FINAL) !== 0
      if (record.length > 0) put(record)
      return this.#pacer.spend(record.length + RECORD_COST)
    })
  }
}
