/** A value, or a promise of it: synchronous where the runtime allows it, so that nothing waits that need not. */
export type MaybePromise<T> = T | Promise<T>

/** A function in steps: it yields what has to be waited for, and goes on with the result. */
export type Steps<T> = Generator<PromiseLike<unknown>, T, unknown>

/** Waits for a value where it has to be waited for: what `await` says, without a promise where there is none. */
export function* wait<T>(value: MaybePromise<T>): Steps<T> {
  // What is yielded comes back settled: the runner awaits it.
  return isPromiseLike(value) ? ((yield value) as T) : value
}

function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}

/**
 * Makes an ordinary function of one in steps. It gives its result at once where nothing had to be waited for, else a
 * promise; a failure is a rejection either way. A promise costs little, but each `await` makes several, and where async
 * context is followed, every one of them is looked at.
 */
export function steps<Args extends readonly unknown[], T>(
  body: (...args: Args) => Steps<T>,
): (...args: Args) => MaybePromise<T> {
  return (...args) => {
    const running = body(...args)
    try {
      const { done, value } = running.next()
      return done === true ? value : resume(running, value)
    } catch (cause) {
      return Promise.reject(cause)
    }
  }
}

async function resume<T>(running: Steps<T>, first: PromiseLike<unknown>): Promise<T> {
  let pending = first
  for (;;) {
    const next = await settled(running, pending)
    if (next.done === true) return next.value
    pending = next.value
  }
}

async function settled<T>(running: Steps<T>, pending: PromiseLike<unknown>) {
  let value: unknown
  try {
    value = await pending
  } catch (cause) {
    return running.throw(cause)
  }
  return running.next(value)
}
