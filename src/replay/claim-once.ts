import { CountersignError, isCountersignError } from '../core/errors.ts'
import { type MaybePromise, orElse, settle } from '../core/maybe-promise.ts'
import type { ReplayStore } from './store.ts'

/** Claims a name; whether it was free. Until: epoch milliseconds. */
export function claimOnce(store: ReplayStore, name: string, until: number): MaybePromise<'fresh' | 'seen'> {
  return orElse(
    () => settle(store.claim(name, until)),
    (cause) => {
      // Condition: a store of seen proofs that is down or full refuses the call.
      if (isCountersignError(cause)) throw cause
      throw new CountersignError('replay-unavailable', { cause, detail: { step: 'claim' } })
    },
  )
}
