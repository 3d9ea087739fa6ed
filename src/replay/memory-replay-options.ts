import type { Clock } from '../core/clock.ts'

/** What a store in memory may be told. */
export interface MemoryReplayOptions {
  /** How many live claims there may be before owners are held to their share; default 1,000,000. */
  readonly maxClaims?: number
  /** The wall clock; default that of the machine. Give the workload's, where that has one of its own. */
  readonly clock?: Clock
  /** Milliseconds on a clock that never goes back; default that of the machine. */
  readonly monotonicMs?: () => number
}
