import { platform } from '#platform'
import type { MaybePromise } from '../core/maybe-promise.ts'

/** One or two milliseconds of work where it is done at once. */
const TURN_BYTES = 4_194_304

/** Lets others have their turn while much is sealed or opened: what is done at once would hold up the event loop. */
export class Pacer {
  #bytes = 0

  /** Counts work that was done; gives a turn to wait for when it was enough. */
  spend(bytes: number): MaybePromise<void> {
    this.#bytes += bytes
    if (this.#bytes < TURN_BYTES) return undefined
    this.#bytes = 0
    return platform.nextTurn()
  }
}
