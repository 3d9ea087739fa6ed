import { CountersignError } from '../core/errors.ts'
import type { MaybePromise } from '../core/maybe-promise.ts'

/** From the making of a workload to its end. */
export interface Lifetime {
  /** Has something done at the end: at once where that is over. */
  onClose(task: () => MaybePromise<void>): void
  /** Throws `workload-closed` after the end. */
  assertOpen(): void
  /** Ends it; resolves when what is to be done is done. Undefined where another call has ended it. */
  end(): Promise<void> | undefined
}

export function createLifetime(): Lifetime {
  let open = true
  const tasks = new Set<() => MaybePromise<void>>()
  return {
    onClose(task) {
      if (open) tasks.add(task)
      else void task()
    },
    assertOpen() {
      // Condition: a workload that was closed makes and takes no calls.
      if (!open) throw new CountersignError('workload-closed')
    },
    end() {
      if (!open) return undefined
      open = false
      // All of them begin now: what waits for one holds no other up.
      return Promise.all([...tasks].map((task) => task())).then(() => undefined)
    },
  }
}
