/** Where the time comes from: epoch milliseconds. */
export interface Clock {
  now(): number
}

/** The time of the machine. */
export const systemClock: Clock = Object.freeze({ now: () => Date.now() })

/** Whole seconds of a clock, as the standards count them. */
export function nowSeconds(clock: Clock): number {
  return Math.floor(clock.now() / 1000)
}
