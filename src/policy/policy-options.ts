import type { Clock } from '../core/clock.ts'

/** What a policy may be given besides its rules. */
export interface PolicyOptions {
  /** By which rules end; default that of the machine. */
  readonly clock?: Clock
}
