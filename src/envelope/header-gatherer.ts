import { type Bytes, concat } from '../core/bytes.ts'
import { type Header, headerBytesIn, parseHeader } from './header.ts'
import { unopened } from './unopened.ts'

/** Gathers a header that comes in any pieces, and no more than a header may be long. */
export class HeaderGatherer {
  #held: Bytes = new Uint8Array(0)

  /** Takes bytes; gives the header, and what came behind it, as soon as it is whole. */
  push(bytes: Uint8Array): { readonly header: Header; readonly rest: Uint8Array } | undefined {
    let at = 0
    for (;;) {
      const needed = headerBytesIn(this.#held)
      const missing = needed - this.#held.length
      if (missing <= 0) return { header: parseHeader(this.#held), rest: bytes.subarray(at) }
      if (at === bytes.length) return undefined
      const next = bytes.subarray(at, at + missing)
      this.#held = concat(this.#held, next)
      at += next.length
    }
  }

  /** What to say of a stream that ends before its header does. */
  end(): never {
    // What is there may be no envelope at all, and that says more.
    if (this.#held.length > 0) parseHeader(this.#held)
    // Condition: a stream that ends within its header is refused.
    throw unopened('truncated')
  }
}
