import { platform } from '#platform'
import { advance } from '../../core/advance.ts'
import { CountersignError } from '../../core/errors.ts'
import { andThen, type MaybePromise } from '../../core/maybe-promise.ts'
import { claimName } from '../../replay/claim-name.ts'
import { claimOnce } from '../../replay/claim-once.ts'
import { callNameOf, readCallName } from '../../signature/proof-parameters.ts'
import type { GuardSettings } from './guard-settings.ts'
import type { Authenticated, Claimed } from './stages.ts'

const ONCE = { once: true } as const

/** Claims the proof, once and for all: after it holds and is meant for us, before anything else happens. */
export function claim(guard: GuardSettings, call: Authenticated): MaybePromise<Claimed> {
  if (call.token === undefined || call.proof === undefined) return advance(call, ONCE)
  const { engine } = guard
  const { parameters } = call.proof
  checkStillOpen(guard, call)
  const name = callNameOf(parameters)
  const until = (parameters.expires + 2 * engine.toleranceSeconds) * 1000
  const isCounted = claimInWindow(guard, call, { name, until })
  // The keys of a session are known to this process alone, and so are its calls: unless others could have made them.
  if (isCounted && call.session !== undefined && engine.replay.shared === false) return advance(call, ONCE)
  return andThen(claimOnce(engine.replay, claimName(engine.id, call.peer.id, name), until), (outcome) => {
    // Condition: a proof that was used before is refused.
    if (outcome !== 'fresh') throw replayed()
    return advance(call, ONCE)
  })
}

/**
 * What has ended since its keys were looked up has given its window away: a claim in it would be nobody's. From here to
 * the claim nothing waits.
 */
function checkStillOpen({ engine }: GuardSettings, call: Authenticated): void {
  const { session } = call
  if (session === undefined || engine.sessions?.table.find(session.id) === session) return
  // The refusal is signed by the key of our token, as everything that is said of a session that is not known.
  advance(call, { session: undefined })
  // Condition: a session that has ended while its call was judged is not known any more.
  throw new CountersignError('session-unknown', { detail: { step: 'claim' } })
}

/**
 * Claims the counter of a session where its window is kept here: for a call under the session, and for the same call
 * made again with a signature, so that both meet. Tells whether there was one to claim in.
 */
function claimInWindow(guard: GuardSettings, call: Authenticated, what: { name: string; until: number }): boolean {
  const { sessions, clock } = guard.engine
  const counted = readCallName(what.name)
  if (counted === undefined) return false
  const window = call.session?.window ?? sessions?.table.windowOf(counted.id, call.peer.id)
  // Condition: a call whose window may have been dropped with its claim counts as made.
  if (window === undefined && sessions?.table.hasForgotten(what.until) === true) throw replayed()
  if (window === undefined) return false
  const times = { now: clock.now(), monotonicMs: platform.monotonicMs(), until: what.until }
  // Condition: a call that was made under a session is refused when it comes again, by whatever proof.
  if (window.claim(counted.counter, times) !== 'fresh') throw replayed()
  return true
}

function replayed(): CountersignError {
  return new CountersignError('proof-replayed', { detail: { step: 'claim' } })
}
