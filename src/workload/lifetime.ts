import { CountersignError } from '../core/errors.ts'

/** From the making of a workload to its end. */
export interface Lifetime {
  /** Has something done at the end: at once where that is over. */
  onClose(task: () => void): void
  /** Throws `workload-closed` after the end. */
  assertOpen(): void
  /** Ends it, and does what is to be done; tells whether it was this call that ended it. */
  end(): boolean
}

export function createLifetime(): Lifetime {
  let open = true
  const tasks = new Set<() => void>()
  return {
    onClose(task) {
      if (open) tasks.add(task)
      else task()
    },
    assertOpen() {
      // Condition: a workload that was closed makes and takes no calls.
      if (!open) throw new CountersignError('workload-closed')
    },
    end() {
      if (!open) return false
      open = false
      for (const task of tasks) task()
      return true
    },
  }
}
