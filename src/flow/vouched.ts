import { isCountersignError } from '../core/errors.ts'
import type { MaybePromise } from '../core/maybe-promise.ts'
import type { TokenVerifier, VerifiedToken } from '../token/verify-wit.ts'
import type { TrustHolder } from '../trust/holder.ts'

/** The token behind a session, and the version of trust that last vouched for it. */
export interface Vouched {
  readonly token: VerifiedToken
  generation: number
}

/** What can vouch for a token. */
export interface Vouching {
  readonly tokens: TokenVerifier
  readonly trust: TrustHolder
}

/** Whether trust still vouches for the token behind a session: asked anew for each version of trust, and no oftener. */
export function isVouched(engine: Vouching, held: Vouched): MaybePromise<boolean> {
  const trust = engine.trust.current()
  // Condition: a session is not kept up by trust that has grown too old.
  trust.assertFresh(held.token.id)
  return held.generation === trust.generation || vouchAgain(engine, held)
}

async function vouchAgain(engine: Vouching, held: Vouched): Promise<boolean> {
  const trust = engine.trust.current()
  try {
    await engine.tokens.verify(held.token.token, trust)
    held.generation = trust.generation
    return true
  } catch (cause) {
    if (!isCountersignError(cause) || cause.code === 'trust-unavailable') throw cause
    return false
  }
}
