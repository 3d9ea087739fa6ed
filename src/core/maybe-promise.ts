/** A value, or a promise of it: synchronous where the runtime allows it, so that nothing waits that need not. */
export type MaybePromise<T> = T | Promise<T>
