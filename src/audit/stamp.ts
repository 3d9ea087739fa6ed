import { randomUuid } from '../core/random.ts'

/** What makes an event one of its own: when it was, and its name. */
export interface Stamp {
  readonly id: string
  readonly time: string
}

const MAX_COUNTER = 0xfff
// The end of the year 9999: beyond it ISO 8601 has another form.
const MAX_TIME = 253_402_300_799_999

/**
 * Makes stamps whose ids are version 7 UUIDs (RFC 9562 §5.7) that only ever grow, even when the clock goes back: the
 * milliseconds, a counter (§6.2 method 1), and 62 random bits that are this trail's own.
 */
export function createStamps(): (now: number) => Stamp {
  let tail = ''
  let highest = -1
  let counter = 0
  let prefix = ''
  let timeOf = Number.NaN
  let time = ''
  return (now) => {
    const ms = now >= 0 && now <= MAX_TIME ? Math.floor(now) : Date.now()
    if (ms !== timeOf) {
      timeOf = ms
      time = new Date(ms).toISOString()
    }
    if (ms > highest || counter === MAX_COUNTER) {
      highest = Math.max(ms, highest + 1)
      counter = 0
      prefix = prefixOf(highest)
    } else counter += 1
    // Drawn late: some runtimes have no randomness while a module loads.
    if (tail === '') tail = randomUuid().slice(18)
    return { id: `${prefix}${counter.toString(16).padStart(3, '0')}${tail}`, time }
  }
}

function prefixOf(ms: number): string {
  const digits = ms.toString(16).padStart(12, '0').slice(-12)
  return `${digits.slice(0, 8)}-${digits.slice(8)}-7`
}
