/** A value, or a promise of it: synchronous where the runtime allows it, so that nothing waits that need not. */
export type MaybePromise<T> = T | Promise<T>

/** A function in steps: it yields what has to be waited for, and goes on with the result. */
export type Steps<T> = Generator<PromiseLike<unknown>, T, unknown>

/**
 * Goes on with a value: at once where it is there, so that a call whose proofs are checked at once makes no promise. Each
 * `await` makes several, and where async context is followed, every one of them is looked at.
 */
export function andThen<T, Result>(
  value: MaybePromise<T>,
  next: (value: T) => MaybePromise<Result>,
): MaybePromise<Result> {
  return value instanceof Promise ? value.then(next) : next(value)
}

/** What `try … catch` says, for failures that come at once and for those that come later. */
export function orElse<T, Other>(
  body: () => MaybePromise<T>,
  failed: (cause: unknown) => MaybePromise<Other>,
): MaybePromise<T | Other> {
  try {
    const value = body()
    return value instanceof Promise ? value.catch(failed) : value
  } catch (cause) {
    return failed(cause)
  }
}

/** Takes steps in their order: at once for as long as nothing has to be waited for. */
export function inTurn(count: number, step: (index: number) => MaybePromise<void>): MaybePromise<void> {
  for (let index = 0; index < count; index++) {
    const taken = step(index)
    if (taken instanceof Promise) return taken.then(() => fromThere(index + 1, count, step))
  }
  return undefined
}

async function fromThere(first: number, count: number, step: (index: number) => MaybePromise<void>): Promise<void> {
  for (let index = first; index < count; index++) await step(index)
}

/** What somebody else's code gives: any thenable becomes a promise of the runtime. */
export function settle<T>(value: T | PromiseLike<T>): MaybePromise<T> {
  return isPromiseLike(value) && !(value instanceof Promise) ? Promise.resolve(value) : value
}

/** Waits for a value where it has to be waited for: what `await` says, without a promise where there is none. */
export function* wait<T>(value: MaybePromise<T>): Steps<T> {
  // What is yielded comes back settled: the runner awaits it.
  return isPromiseLike(value) ? ((yield value) as T) : value
}

function isPromiseLike<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}

/**
 * Makes an ordinary function of one in steps, for work in loops: it gives its result at once where nothing had to be
 * waited for, else a promise; a failure is a rejection either way.
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
