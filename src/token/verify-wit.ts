import type { Clock } from '../core/clock.ts'
import type { MaybePromise } from '../core/maybe-promise.ts'
import type { Trust } from '../trust/trust.ts'
import { examineWit } from './examine-wit.ts'
import { gateToken } from './gate.ts'
import { type HeldToken, HeldTokens } from './held-tokens.ts'
import { outsideItsTime } from './lifetime.ts'
import type { VerifiedToken } from './verified-token.ts'

export type { VerifiedToken } from './verified-token.ts'

/** Verifies workload identity tokens, and remembers those that held. */
export interface TokenVerifier {
  /**
   * Gives the verified token, at once where this very spelling held before under the same version of trust.
   *
   * @throws `token-malformed`, `token-invalid`, `token-expired`, `token-untrusted`, `token-revoked`
   */
  verify(token: string, trust: Trust): MaybePromise<VerifiedToken>
}

export interface TokenVerifierOptions {
  readonly clock: Clock
  readonly toleranceSeconds: number
  /** How many verified tokens are remembered; the oldest goes first. By default 1000. */
  readonly maxEntries?: number
  /** Looks for a newer version of trust where a token of this origin names a key that is not known. */
  readonly renew?: (origin: string) => Promise<Trust | undefined>
}

/** Makes a verifier. What it remembers is keyed on the whole token, so a token with another spelling is another token. */
export function createTokenVerifier(options: TokenVerifierOptions): TokenVerifier {
  const { clock, toleranceSeconds, maxEntries = 1000, renew } = options
  const held = new HeldTokens<VerifiedToken>(maxEntries)

  async function examine(token: string, trust: Trust): Promise<HeldToken<VerifiedToken>> {
    const grounds = { trust, clock, toleranceSeconds, ...(renew === undefined ? {} : { renew }) }
    const { verified, generation } = await examineWit(token, gateToken(token), grounds)
    return { value: verified, generation }
  }

  return Object.freeze({
    verify(token: string, trust: Trust): MaybePromise<VerifiedToken> {
      const known = held.find(token)
      // Condition: a token that held under another version of trust is verified anew.
      if (known === undefined || known.generation !== trust.generation)
        return held.examine(token, trust.generation, () => examine(token, trust))
      const { id, expiresAt, keyId } = known.value
      const now = clock.now()
      if (now < expiresAt + toleranceSeconds * 1000) {
        // Condition: a remembered token is not believed by trust that has grown too old.
        trust.assertFresh(id)
        return known.value
      }
      held.forget(token)
      // Condition: a remembered token is refused once its time is over.
      throw outsideItsTime('exp', (now - expiresAt) / 1000, keyId)
    },
  })
}
