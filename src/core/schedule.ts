/** A task that waits for its time. */
export interface Timer {
  cancel(): void
  /** Lets the process end without it, where there is such a thing. */
  unref(): void
}

/** Runs a task later. */
export type Schedule = (task: () => void, delayMs: number) => Timer

/** The timers of the runtime. */
export const systemSchedule: Schedule = (task, delayMs) => {
  const timer: unknown = setTimeout(task, delayMs)
  return {
    cancel: () => clearTimeout(timer as ReturnType<typeof setTimeout>),
    unref() {
      // Node's timers are objects that can be let go of; elsewhere they are numbers and hold nothing.
      if (typeof timer === 'object' && timer !== null && 'unref' in timer) (timer as { unref(): void }).unref()
    },
  }
}

/** Waits until a promise is settled, but no longer than this. */
export function within(promise: Promise<unknown>, delayMs: number, schedule: Schedule): Promise<void> {
  return new Promise((resolve) => {
    const timer = schedule(resolve, delayMs)
    const finish = () => {
      timer.cancel()
      resolve()
    }
    promise.then(finish, finish)
  })
}
