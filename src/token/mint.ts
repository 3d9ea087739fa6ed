import { type Clock, nowSeconds } from '../core/clock.ts'
import { CountersignError } from '../core/errors.ts'
import { randomNonce } from '../core/random.ts'
import { MAX_LIFETIME_SECONDS } from './lifetime.ts'
import type { TokenSigner } from './token-signer.ts'

/** A token that was made here. */
export interface MintedToken {
  readonly token: string
  /** Its `jti`: random. */
  readonly tokenId: string
  /** Epoch milliseconds. */
  readonly expiresAt: number
}

/** What a token is to say and be. */
export interface Mint {
  readonly signer: TokenSigner
  readonly header: { readonly typ: string; readonly kid: string }
  readonly claims: Readonly<Record<string, unknown>>
  readonly lifetimeSeconds: number
  readonly clock: Clock
}

/** Mints a token: what it says besides, when it was made and ends, and a name of its own. */
export async function mint({ signer, header, claims, lifetimeSeconds, clock }: Mint): Promise<MintedToken> {
  // Condition: a token is not minted for longer than a day.
  if (!Number.isInteger(lifetimeSeconds) || lifetimeSeconds < 1 || lifetimeSeconds > MAX_LIFETIME_SECONDS) {
    const fix = `write whole seconds, 1 to ${MAX_LIFETIME_SECONDS}`
    throw new CountersignError('option-invalid', { detail: { option: 'lifetimeSeconds', fix } })
  }
  const iat = nowSeconds(clock)
  const exp = iat + lifetimeSeconds
  const tokenId = randomNonce()
  const token = await signer.sign({ ...claims, iat, exp, jti: tokenId }, header)
  return { token, tokenId, expiresAt: exp * 1000 }
}
