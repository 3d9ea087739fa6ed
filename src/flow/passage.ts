import type { Bytes } from '../core/bytes.ts'
import type { Body } from '../envelope/body.ts'
import type { ByteSource } from './byte-source.ts'

/** How a body that passed through has ended. */
export interface Ending {
  /** How many bytes came out. */
  readonly bytes: number
  /** Why it did not come to its end. */
  readonly error: unknown
}

/** A source that passes through a body which seals or opens it: as fast as it is read, in constant memory. */
export class Passage implements ByteSource {
  readonly #source: ByteSource
  readonly #body: Body
  readonly #ready: Bytes[]
  #isOver = false
  #isTold = false
  #failure: { readonly error: unknown } | undefined
  #bytes = 0
  #tell: (ending: Ending) => void = () => undefined
  /** Resolves once, however it ends. */
  readonly ended = new Promise<Ending>((resolve) => {
    this.#tell = resolve
  })

  /** `first`: what has come out already. */
  constructor(source: ByteSource, body: Body, first: readonly Bytes[] = []) {
    this.#source = source
    this.#body = body
    this.#ready = [...first]
  }

  /** Takes in what is needed until something holds; what comes out by then waits to be read. */
  async prime(isReached: () => boolean): Promise<void> {
    while (!isReached() && !this.#isOver) await this.#advance()
  }

  /** Why it came to no end, if it failed by itself. */
  get failure(): unknown {
    return this.#failure?.error
  }

  /** How many bytes have come out so far. */
  get bytes(): number {
    return this.#bytes
  }

  async read(): Promise<Bytes | undefined> {
    while (this.#ready.length === 0 && !this.#isOver) await this.#advance()
    // Condition: a body that failed once never looks as if it had come to its end.
    if (this.#failure !== undefined) throw this.#failure.error
    const piece = this.#ready.shift()
    if (piece === undefined) this.#end({ bytes: this.#bytes, error: undefined })
    else this.#bytes += piece.length
    return piece
  }

  async cancel(reason?: unknown): Promise<void> {
    this.#isOver = true
    this.#end({ bytes: this.#bytes, error: reason ?? new Error('The body was not read to its end.') })
    await this.#source.cancel(reason)
  }

  #end(ending: Ending): void {
    this.#isTold = true
    this.#tell(ending)
  }

  async #advance(): Promise<void> {
    const put = (piece: Bytes) => this.#ready.push(piece)
    try {
      const piece = await this.#source.read()
      if (piece !== undefined) {
        await this.#body.push(piece, put)
        return
      }
      await this.#body.end(put)
      this.#isOver = true
    } catch (error) {
      this.fail(error)
      throw error
    }
  }

  /** Ends it for a reason of somebody else's: whoever reads hears of that. */
  fail(error: unknown): void {
    if (this.#isTold) return
    this.#isOver = true
    this.#failure = { error }
    this.#ready.length = 0
    this.#end({ bytes: this.#bytes, error })
    // Whoever sends has nothing more to send for: and a second failure tells nobody anything.
    this.#source.cancel(error).catch(() => undefined)
  }
}
