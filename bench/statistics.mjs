/** The value below which a share of the sorted numbers lies, interpolated. */
function quantile(sorted, share) {
  const at = (sorted.length - 1) * share
  const low = Math.floor(at)
  const high = Math.ceil(at)
  return sorted[low] + (sorted[high] - sorted[low]) * (at - low)
}

/** The median of each contender, from rounds of microseconds by name. */
export function sidesOf(rounds) {
  const names = Object.keys(rounds[0])
  return Object.fromEntries(names.map((name) => [name, { us: median(rounds.map((round) => round[name])) }]))
}

export function median(numbers) {
  return summarize(numbers).median
}

/** Median and spread: the middle half lies between `q1` and `q3`. */
export function summarize(numbers) {
  if (numbers.length === 0 || !numbers.every(Number.isFinite)) throw new Error('nothing was measured')
  const sorted = [...numbers].sort((a, b) => a - b)
  return {
    median: quantile(sorted, 0.5),
    q1: quantile(sorted, 0.25),
    q3: quantile(sorted, 0.75),
    min: sorted[0],
    max: sorted[sorted.length - 1],
  }
}

/**
 * Judges a figure by its bounds: only a middle half that lies on one side of a bound as a whole decides anything. A
 * figure without bounds is there to be read beside others.
 */
export function judge({ q1, q3 }, bounds) {
  if (bounds === undefined) return undefined
  const { better, floor, goal } = bounds
  const [worst, best] = better === 'more' ? [q1, q3] : [-q3, -q1]
  const sign = better === 'more' ? 1 : -1
  if (worst >= sign * goal) return 'reached'
  if (best < sign * floor) return 'below floor'
  if (worst >= sign * floor && best < sign * goal) return 'between floor and goal'
  return 'not decided'
}
