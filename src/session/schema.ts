import * as z from 'zod'
import { MAX_SESSION_SECONDS } from './handshake.ts'
import type { SessionOptions } from './session-options.ts'

const count = (what: string, most: number) =>
  z.int(`give a whole number of ${what}`).min(1, 'give at least 1').max(most, `give at most ${most}`).exactOptional()

/** Checks the options of sessions. */
export const sessionOptionsSchema: z.ZodType<SessionOptions> = z.strictObject({
  lifetimeSeconds: z
    .int('give whole seconds')
    .min(30, 'give at least 30 seconds: a handshake has to pay for itself')
    .max(MAX_SESSION_SECONDS, `give at most ${MAX_SESSION_SECONDS} seconds`)
    .exactOptional(),
  maxPerInstance: count('sessions', 1000),
  maxSessions: count('sessions', 1_000_000),
  handshakesPerMinute: count('handshakes', 1_000_000),
})
