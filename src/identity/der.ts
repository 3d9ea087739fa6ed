import { certificateInvalid } from './certificate-refusal.ts'

/** One element: its tag, all of its bytes, and what is in it. Both are views of what was read. */
export interface DerElement {
  readonly tag: number
  readonly bytes: Uint8Array
  readonly content: Uint8Array
}

export const BOOLEAN = 0x01
export const INTEGER = 0x02
export const BIT_STRING = 0x03
export const OCTET_STRING = 0x04
export const OBJECT_IDENTIFIER = 0x06
export const UTC_TIME = 0x17
export const GENERALIZED_TIME = 0x18
export const SEQUENCE = 0x30
const SET = 0x31

const CLASS = 0xc0
const CONSTRUCTED = 0x20
const NUMBER = 0x1f
const MAX_DEPTH = 16

/** The bounds of an element that begins at `at`. */
interface Extent {
  readonly tag: number
  readonly start: number
  readonly end: number
}

function extentAt(bytes: Uint8Array, at: number): Extent {
  const [tag, first] = [bytes[at], bytes[at + 1]]
  // Condition: DER that ends before a length is refused.
  if (tag === undefined || first === undefined) throw certificateInvalid('der-header')
  // Condition: DER with a tag of several bytes is refused.
  if ((tag & NUMBER) === NUMBER) throw certificateInvalid('der-tag')
  const start = at + 2 + (first < 0x80 ? 0 : first & 0x7f)
  // Condition: DER of indefinite length, or with a length of more than two bytes, is refused.
  if (first === 0x80 || first > 0x82) throw certificateInvalid('der-length')
  let length = first < 0x80 ? first : 0
  for (let i = at + 2; i < start; i++) length = (length << 8) | (bytes[i] ?? 0)
  // Condition: a DER element that does not end within what holds it is refused.
  if (start + length > bytes.length) throw certificateInvalid('der-cut-short')
  // Condition: DER that writes a length in more bytes than it takes is refused.
  if (first >= 0x80 && length < (first === 0x81 ? 0x80 : 0x100)) throw certificateInvalid('der-length')
  return { tag, start, end: start + length }
}

/** DER has sequences and sets in pieces, and everything else of the universal class in one. */
function hasRightForm(tag: number): boolean {
  if ((tag & CLASS) !== 0) return true
  const isInPieces = (tag & CONSTRUCTED) !== 0
  return tag !== 0 && isInPieces === ((tag | CONSTRUCTED) === SEQUENCE || (tag | CONSTRUCTED) === SET)
}

function assertAll(bytes: Uint8Array, depth: number): void {
  // Condition: DER that is nested more than sixteen deep is refused.
  if (depth > MAX_DEPTH) throw certificateInvalid('der-depth')
  for (let at = 0; at < bytes.length; ) {
    const { tag, start, end } = extentAt(bytes, at)
    // Condition: DER with a string in pieces, or a sequence in one, is refused.
    if (!hasRightForm(tag)) throw certificateInvalid('der-tag')
    if ((tag & CONSTRUCTED) !== 0) assertAll(bytes.subarray(start, end), depth + 1)
    at = end
  }
}

/**
 * Walks through all elements, those that nobody reads included: definite lengths in their one spelling, tags of one byte,
 * nothing that sticks out of what holds it. What is in strings of bytes is not looked at.
 */
export function assertDer(bytes: Uint8Array): void {
  assertAll(bytes, 0)
}

/** Reads the elements of a sequence one after the other. */
export class DerReader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(content: Uint8Array) {
    this.#bytes = content
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length
  }

  /** Whether another element follows, and it has this tag. */
  isNext(tag: number): boolean {
    return this.#bytes[this.#at] === tag
  }

  any(): DerElement {
    const { tag, start, end } = extentAt(this.#bytes, this.#at)
    const element = { tag, bytes: this.#bytes.subarray(this.#at, end), content: this.#bytes.subarray(start, end) }
    this.#at = end
    return element
  }

  next(tag: number): DerElement {
    const element = this.any()
    // Condition: a certificate with another element where its syntax demands one is refused.
    if (element.tag !== tag) throw certificateInvalid('syntax')
    return element
  }

  /** Steps into the next element. */
  inside(tag: number): DerReader {
    return new DerReader(this.next(tag).content)
  }

  end(): void {
    // Condition: bytes that follow where nothing may follow are refused.
    if (!this.isAtEnd) throw certificateInvalid('trailing-bytes')
  }
}

/** Reads what has to be one element, and nothing behind it. */
export function onlyElement(bytes: Uint8Array, tag: number): DerElement {
  const reader = new DerReader(bytes)
  const element = reader.next(tag)
  reader.end()
  return element
}
