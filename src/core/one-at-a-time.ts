/**
 * Runs one after the other, in order: no run that began earlier can end later and put an older version in place. Who
 * asks while a run is still waiting to begin shares it. `before`: what the first of them waits for.
 */
export function oneAtATime(run: () => Promise<void>, before: Promise<void> = Promise.resolve()): () => Promise<void> {
  let last = before
  let waiting = false
  return () => {
    if (waiting) return last
    waiting = true
    last = last.then(() => {
      waiting = false
      return run()
    })
    return last
  }
}
