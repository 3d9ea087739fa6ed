import type { Clock } from '../core/clock.ts'

/** A clock that stands still until it is told otherwise. */
export interface FakeClock extends Clock {
  advance(seconds: number): void
}

/** Makes a clock that starts at the given epoch milliseconds, by default on a whole second of the real time. */
export function createFakeClock(startMs: number = Math.floor(Date.now() / 1000) * 1000): FakeClock {
  let now = startMs
  return {
    now: () => now,
    advance(seconds) {
      now += seconds * 1000
    },
  }
}
