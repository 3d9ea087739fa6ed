/**
 * Adds to a call what a step has proven of it: the same value, under the type of the next stage. To copy it at each step
 * instead costs more than all of the proofs of a session.
 */
export function advance<Stage extends object, Gained extends object>(stage: Stage, gained: Gained): Stage & Gained {
  return Object.assign(stage, gained)
}
