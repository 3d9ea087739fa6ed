import type { Schedule } from '../../src/core/schedule.ts'

/** Timers that run when the test says so. */
export function manualSchedule() {
  let waiting: { task: () => void; delayMs: number; isRef: boolean }[] = []
  const schedule: Schedule = (task, delayMs) => {
    const timer = { task, delayMs, isRef: true }
    waiting.push(timer)
    return {
      cancel: () => {
        waiting = waiting.filter((other) => other !== timer)
      },
      unref: () => {
        timer.isRef = false
      },
    }
  }
  return {
    schedule,
    /** The delays of all that wait. */
    delays: () => waiting.map(({ delayMs }) => delayMs),
    holding: () => waiting.filter(({ isRef }) => isRef).length,
    /** Runs all that wait now, then lets promises go on. */
    async run() {
      const due = waiting
      waiting = []
      for (const { task } of due) task()
      await turn()
    },
  }
}

/** Lets everything that is ready run. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** A promise that a test settles. */
export function deferred() {
  let resolve: () => void = () => {}
  let reject: (error: Error) => void = () => {}
  const promise = new Promise<void>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}
