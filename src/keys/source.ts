import type { MaybePromise } from '../core/maybe-promise.ts'
import type { Watch } from '../platform/platform.ts'

/**
 * Gives a value that may change while a process runs: keys, trust, a policy. `load` gives the newest version or
 * throws; `watch`, where the source can tell, calls back when there may be a newer one.
 */
export interface Source<T> {
  load(): MaybePromise<T>
  watch?(changed: () => void): Watch
}
