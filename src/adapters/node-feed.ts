import type { MaybePromise } from '../core/maybe-promise.ts'
import type { Body, Put } from '../envelope/body.ts'

/** Who is told what becomes of the bytes that are fed to a body. */
export interface Fed {
  readonly put: Put
  /** All that was fed has been worked off. Not called where nobody had to wait. */
  idle(): void
  /** The body has come to its end. */
  ended(): void
  failed(cause: unknown): void
}

type Work = () => MaybePromise<unknown>

/** Feeds a body one piece after the other, where a step may take its time: what is fed meanwhile waits in order. */
export class Feed {
  readonly #body: Body
  readonly #fed: Fed
  readonly #waiting: Work[] = []
  #isBusy = false
  #isOver = false

  constructor(body: Body, fed: Fed) {
    this.#body = body
    this.#fed = fed
  }

  /** Whether nothing waits to be worked off. */
  get isIdle(): boolean {
    return !this.#isBusy
  }

  /** Feeds a piece; gives false where it has to wait. */
  push(bytes: Uint8Array): boolean {
    return this.first(() => this.#body.push(bytes, this.#fed.put))
  }

  end(): void {
    this.first(async () => {
      await this.#body.end(this.#fed.put)
      if (this.#isOver) return
      this.#isOver = true
      this.#fed.ended()
    })
  }

  /** Does something else in its turn. */
  first(work: Work): boolean {
    if (!this.#isOver) this.#waiting.push(work)
    this.#run()
    return !this.#isBusy
  }

  /** Forgets what is waiting: nothing is told any more. */
  stop(): void {
    this.#isOver = true
    this.#waiting.length = 0
  }

  #run(): void {
    while (!this.#isBusy && !this.#isOver) {
      const work = this.#waiting.shift()
      if (work === undefined) return
      try {
        const done = work()
        if (done instanceof Promise) this.#wait(done)
      } catch (cause) {
        this.#fail(cause)
      }
    }
  }

  #wait(done: Promise<unknown>): void {
    this.#isBusy = true
    done.then(
      () => {
        this.#isBusy = false
        this.#run()
        if (!this.#isBusy && !this.#isOver) this.#fed.idle()
      },
      (cause) => this.#fail(cause),
    )
  }

  #fail(cause: unknown): void {
    if (this.#isOver) return
    this.stop()
    this.#fed.failed(cause)
  }
}
