import { isOf } from './characters.ts'

/** Thrown inside the parser alone and made once: a stranger's malformed field costs no stack trace. */
export const FAILURE = new Error('not a structured field')

/** A text and how far it was read. */
export class Reader {
  readonly text: string
  /** Two parameters or members of one name are a failure, where otherwise the last one wins. */
  readonly isUnique: boolean
  at = 0

  constructor(text: string, isUnique: boolean) {
    this.text = text
    this.isUnique = isUnique
  }

  /** The code of the next character; NaN at the end. */
  peek(): number {
    return this.text.charCodeAt(this.at)
  }

  isAtEnd(): boolean {
    return this.at >= this.text.length
  }

  /** Steps over one character if it is this one. */
  take(code: number): boolean {
    if (this.peek() !== code) return false
    this.at++
    return true
  }

  expect(code: number): void {
    if (!this.take(code)) throw FAILURE
  }

  skipSpaces(): void {
    while (this.peek() === 0x20) this.at++
  }

  skipSpacesAndTabs(): void {
    while (this.peek() === 0x20 || this.peek() === 0x09) this.at++
  }

  /** The run of characters of a class from here on, perhaps empty. */
  run(bits: number): string {
    const start = this.at
    while (isOf(this.peek(), bits)) this.at++
    return this.text.slice(start, this.at)
  }
}
