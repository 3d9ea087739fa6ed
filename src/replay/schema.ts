import * as z from 'zod'
import type { Clock } from '../core/clock.ts'
import { withMethods } from '../core/options.ts'
import type { MemoryReplayOptions } from './memory-replay-options.ts'

const MOST_CLAIMS = 16_777_216

/** Checks the options of the store in memory. */
export const memoryReplaySchema: z.ZodType<MemoryReplayOptions> = z.strictObject({
  maxClaims: z
    .int('give a whole number of claims')
    .min(1, 'give room for one claim at least')
    .max(MOST_CLAIMS, `give at most ${MOST_CLAIMS} claims; beyond that share the load between processes`)
    .exactOptional(),
  clock: withMethods<Clock>('give an object with a now method', 'now').exactOptional(),
  monotonicMs: z
    .custom<() => number>((value) => typeof value === 'function', 'give a function that returns milliseconds')
    .exactOptional(),
})
