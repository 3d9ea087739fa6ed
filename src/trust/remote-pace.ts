import { randomBytes } from '../core/random.ts'

const LEAST_SECONDS = 30
const MOST_SECONDS = 900
const DEFAULT_SECONDS = 300
/** Nobody is asked oftener than this while it fails. */
const FIRST_RETRY_SECONDS = 5
const LAST_RETRY_SECONDS = 300
const COOLDOWN_SECONDS = 30

function jitter(): number {
  return (randomBytes(1)[0] as number) / 255
}

/** When to look again after a version was had: somewhat early, so that many processes do not come at once. */
export function refreshAfterMs(wanted: number | undefined, configured: number | undefined): number {
  const seconds = configured ?? Math.min(MOST_SECONDS, Math.max(LEAST_SECONDS, wanted ?? DEFAULT_SECONDS))
  return seconds * 1000 * (1 - 0.2 * jitter())
}

/**
 * When to try again after so many failures in a row: later each time, never sooner than after five seconds, and no later
 * than who wants to look oftener would.
 */
export function retryAfterMs(failures: number, configured = LAST_RETRY_SECONDS): number {
  const last = Math.min(LAST_RETRY_SECONDS, Math.max(FIRST_RETRY_SECONDS, configured))
  const seconds = Math.min(last, FIRST_RETRY_SECONDS * 2 ** Math.min(failures - 1, 10))
  return seconds * 1000 * (1 + 0.25 * jitter())
}

/** How long an unknown name of a key leads to no further fetch: whoever makes names up cannot make fetches. */
export function cooldownMs(configured: number | undefined): number {
  return Math.min(COOLDOWN_SECONDS, Math.max(FIRST_RETRY_SECONDS, configured ?? COOLDOWN_SECONDS)) * 1000
}
