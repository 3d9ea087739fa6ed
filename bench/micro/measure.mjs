// Operations of one process against each other, in turns: each round runs every contender for the same time.
import { answering } from '../answering.mjs'

/** Runs an operation for a while; gives microseconds an operation. */
async function timed(operation, ms) {
  let count = 0
  const began = performance.now()
  const until = began + ms
  // The clock is read once in 16 operations: reading it costs more than the fastest of them.
  while (performance.now() < until) {
    for (let i = 0; i < 16; i++) {
      const result = operation()
      // Only what is a promise is waited for: a turn of the loop is not given to who needs none.
      if (result instanceof Promise) await result
    }
    count += 16
  }
  return ((performance.now() - began) * 1000) / count
}

/** Answers the parent's `run` with one object a round: microseconds of each contender, by its name. */
export function compare(contenders) {
  async function run({ rounds: count, microMs }) {
    for (const operation of Object.values(contenders)) await timed(operation, microMs * 3)
    const rounds = []
    for (let i = 0; i < count; i++) {
      const round = {}
      for (const [name, operation] of Object.entries(contenders)) round[name] = await timed(operation, microMs)
      rounds.push(round)
    }
    return rounds
  }
  answering({ run })
}
