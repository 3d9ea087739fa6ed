import type { Clock } from '../core/clock.ts'
import type { MaybePromise } from '../core/maybe-promise.ts'
import type { Trust } from '../trust/trust.ts'
import { examineWit } from './examine-wit.ts'
import { gateToken } from './gate.ts'
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

interface Remembered {
  readonly generation: number
  readonly verified: VerifiedToken
  /** Epoch milliseconds, tolerance included. */
  readonly refusedFrom: number
}

/** Makes a verifier. What it remembers is keyed on the whole token, so a token with another spelling is another token. */
export function createTokenVerifier(options: TokenVerifierOptions): TokenVerifier {
  const { clock, toleranceSeconds, maxEntries = 1000, renew } = options
  const remembered = new Map<string, Remembered>()
  const pending = new Map<string, Promise<VerifiedToken>>()

  function remember(generation: number, verified: VerifiedToken): void {
    const { token } = verified
    remembered.delete(token)
    const oldest = remembered.keys().next()
    if (remembered.size >= maxEntries && !oldest.done) remembered.delete(oldest.value)
    remembered.set(token, { generation, verified, refusedFrom: verified.expiresAt + toleranceSeconds * 1000 })
  }

  async function examine(token: string, trust: Trust): Promise<VerifiedToken> {
    const grounds = { trust, clock, toleranceSeconds, ...(renew === undefined ? {} : { renew }) }
    const { verified, generation } = await examineWit(token, gateToken(token), grounds)
    // Only what held is remembered: a stranger cannot fill this memory.
    remember(generation, verified)
    return verified
  }

  function verifyAnew(token: string, trust: Trust): Promise<VerifiedToken> {
    const name = `${trust.generation} ${token}`
    const started = pending.get(name)
    if (started !== undefined) return started
    const promise = examine(token, trust).finally(() => pending.delete(name))
    pending.set(name, promise)
    return promise
  }

  return Object.freeze({
    verify(token: string, trust: Trust): MaybePromise<VerifiedToken> {
      const known = remembered.get(token)
      // Condition: a token that held under another version of trust is verified anew.
      if (known === undefined || known.generation !== trust.generation) return verifyAnew(token, trust)
      const now = clock.now()
      if (now < known.refusedFrom) {
        // Condition: a remembered token is not believed by trust that has grown too old.
        trust.assertFresh(known.verified.id)
        return known.verified
      }
      remembered.delete(token)
      // Condition: a remembered token is refused once its time is over.
      throw outsideItsTime('exp', (now - known.verified.expiresAt) / 1000, known.verified.keyId)
    },
  })
}
