import { isCountersignError } from '../core/errors.ts'
import type { MaybePromise } from '../core/maybe-promise.ts'
import type { VerifiedToken } from '../token/verify-wit.ts'
import type { Engine } from './engine.ts'

/** The token behind a session, and the version of trust that last vouched for it. */
export interface Vouched {
  readonly token: VerifiedToken
  generation: number
}

/** Whether trust still vouches for the token behind a session: asked anew for each version of trust, and no oftener. */
export function isVouched(engine: Pick<Engine, 'tokens' | 'trust'>, held: Vouched): MaybePromise<boolean> {
  return held.generation === engine.trust.current().generation || vouchAgain(engine, held)
}

async function vouchAgain(engine: Pick<Engine, 'tokens' | 'trust'>, held: Vouched): Promise<boolean> {
  const trust = engine.trust.current()
  try {
    await engine.tokens.verify(held.token.token, trust)
    held.generation = trust.generation
    return true
  } catch (cause) {
    if (!isCountersignError(cause)) throw cause
    return false
  }
}
