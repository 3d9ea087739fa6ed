import { CountersignError } from '../../core/errors.ts'

/** A signal that also fires when the time is over; its reason is then `timed-out`. */
export interface Deadline {
  readonly signal: AbortSignal
  /** Ends the waiting: without it a timer would outlive the call. */
  clear(): void
}

/** Joins the caller's signal and a timeout into one. */
export function createDeadline(signal: AbortSignal | undefined, timeoutMs: number | undefined): Deadline {
  const controller = new AbortController()
  const onAbort = () => controller.abort(signal?.reason)
  if (signal?.aborted === true) onAbort()
  signal?.addEventListener('abort', onAbort)
  const expire = () => controller.abort(new CountersignError('timed-out', { outcome: 'unknown' }))
  const timer = timeoutMs === undefined ? undefined : setTimeout(expire, timeoutMs)
  return {
    signal: controller.signal,
    clear() {
      signal?.removeEventListener('abort', onAbort)
      if (timer !== undefined) clearTimeout(timer)
    },
  }
}

/** Waits for a promise, but no longer than the signal allows. */
export function orAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason)
    if (signal.aborted) onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
