import { constants } from 'node:os'

const SIGNALS = ['SIGINT', 'SIGTERM'] as const
const PATIENCE_MS = 1_000

/** Somebody has told the command to stop: it ends as shells expect it, 128 and the number of the signal. */
export class Interruption extends Error {
  readonly exitCode: number

  constructor(signal: (typeof SIGNALS)[number]) {
    super(`stopped by ${signal}`)
    this.exitCode = 128 + constants.signals[signal]
  }
}

/** Does work that has to put something away before the process ends: a signal aborts it instead of ending it there. */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const stop = new AbortController()
  let given: (typeof SIGNALS)[number] | undefined
  const onSignal = (signal: (typeof SIGNALS)[number]) => {
    given ??= signal
    stop.abort()
  }
  for (const signal of SIGNALS) process.once(signal, onSignal)
  try {
    return await work(stop.signal)
  } catch (error) {
    throw given === undefined ? error : new Interruption(given)
  } finally {
    for (const signal of SIGNALS) process.off(signal, onSignal)
    // A read from a pipe that nobody writes to has no end, and no process ends before it: then the signal itself does it.
    const last = given
    if (last !== undefined) setTimeout(() => process.kill(process.pid, last), PATIENCE_MS).unref()
  }
}
