import type { Clock } from '../core/clock.ts'

/** How calls with an access token are sent. */
export interface BearerFetchOptions {
  /** What sends them: the runtime's `fetch` by default. */
  readonly fetch?: typeof fetch | undefined
  /** Where the time comes from; by default the machine's. */
  readonly clock?: Clock | undefined
}
