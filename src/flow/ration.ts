/** How often something may be done for each address within a second. */
export interface Ration {
  take(address: string): boolean
}

const MAX_ADDRESSES = 10_000

/**
 * Counts per address and second, in bounded memory: signing for strangers costs more than asking for it, so it is
 * rationed. When too many addresses ask at once, all of them share what one would get.
 */
export function createRation(options: { perSecond: number; monotonicMs: () => number }): Ration {
  let second = -1
  const taken = new Map<string, number>()
  return {
    take(address: string): boolean {
      const now = Math.floor(options.monotonicMs() / 1000)
      if (now !== second) {
        second = now
        taken.clear()
      }
      const key = taken.size < MAX_ADDRESSES || taken.has(address) ? address : '*'
      const count = taken.get(key) ?? 0
      if (count >= options.perSecond) return false
      taken.set(key, count + 1)
      return true
    },
  }
}
