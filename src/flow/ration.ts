/** How often something may be done for each address or identity within a span of time. */
export interface Ration {
  take(name: string): boolean
}

export interface RationOptions {
  readonly count: number
  readonly perMs: number
  readonly monotonicMs: () => number
}

const MAX_NAMES = 10_000

/**
 * Counts per name and span, in bounded memory: what costs more than asking for it is rationed. When too many names ask
 * at once, all of them share what one would get.
 */
export function createRation(options: RationOptions): Ration {
  let span = -1
  const taken = new Map<string, number>()
  return {
    take(name: string): boolean {
      const now = Math.floor(options.monotonicMs() / options.perMs)
      if (now !== span) {
        span = now
        taken.clear()
      }
      const key = taken.size < MAX_NAMES || taken.has(name) ? name : '*'
      const count = taken.get(key) ?? 0
      if (count >= options.count) return false
      taken.set(key, count + 1)
      return true
    },
  }
}
