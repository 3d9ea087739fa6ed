import { CountersignError, isCountersignError } from '../../core/errors.ts'
import { claimName } from '../../replay/claim-name.ts'
import type { GuardSettings } from './guard-settings.ts'
import type { Authenticated, Claimed } from './stages.ts'

/** Claims the proof, once and for all: after it holds and is meant for us, before anything else happens. */
export async function claim(guard: GuardSettings, call: Authenticated): Promise<Claimed> {
  if (call.token === undefined || call.proof === undefined) return { ...call, once: true }
  const { engine } = guard
  const { nonce, expires } = call.proof.parameters
  const name = claimName(engine.id, call.peer.id, nonce)
  const until = (expires + 2 * engine.toleranceSeconds) * 1000
  const outcome = await reach(() => engine.replay.claim(name, until))
  // Condition: a proof that was used before is refused.
  if (outcome !== 'fresh') throw new CountersignError('proof-replayed', { detail: { step: 'claim' } })
  return { ...call, once: true }
}

async function reach<T>(body: () => T): Promise<Awaited<T>> {
  try {
    return await body()
  } catch (cause) {
    // Condition: a store of seen proofs that is down or full refuses the call.
    if (isCountersignError(cause)) throw cause
    throw new CountersignError('replay-unavailable', { cause, detail: { step: 'claim' } })
  }
}
