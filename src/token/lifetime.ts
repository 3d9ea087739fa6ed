import { CountersignError } from '../core/errors.ts'
import type { JsonObject } from '../core/json.ts'
import { tokenInvalid } from './refusal.ts'

/** The longest a token may live: a key that was lost is of use to nobody for longer. */
export const MAX_LIFETIME_SECONDS = 86_400

/** When a token is judged, and by which key it was signed. */
export interface Judgement {
  readonly nowSeconds: number
  readonly toleranceSeconds: number
  readonly keyId?: string
  /** The longest a token may live; a day by default. */
  readonly maxLifetimeSeconds?: number | undefined
}

function readTime(claims: JsonObject, name: 'exp' | 'nbf' | 'iat', keyId: string | undefined): number | undefined {
  const time = claims[name]
  if (time === undefined) return undefined
  // Condition: a token whose "exp", "nbf" or "iat" is not a number is refused.
  if (typeof time !== 'number' || !Number.isFinite(time)) throw tokenInvalid(name, keyId)
  return time
}

/** Says that a token is outside its time; positive: so many seconds after its end, negative: before its beginning. */
export function outsideItsTime(step: 'exp' | 'nbf', differenceSeconds: number, keyId?: string): CountersignError {
  const clockDifferenceSeconds = Math.trunc(differenceSeconds)
  return new CountersignError('token-expired', {
    detail: { step, clockDifferenceSeconds, ...(keyId === undefined ? {} : { keyId }) },
  })
}

/** Checks that a token holds now, and not for too long; gives the second it ends and the one it begins, if it says. */
export function checkLifetime(claims: JsonObject, judgement: Judgement): { exp: number; begin: number | undefined } {
  const { nowSeconds, toleranceSeconds, keyId, maxLifetimeSeconds = MAX_LIFETIME_SECONDS } = judgement
  const exp = readTime(claims, 'exp', keyId)
  const nbf = readTime(claims, 'nbf', keyId)
  const iat = readTime(claims, 'iat', keyId)
  // Condition: a token without "exp" is refused.
  if (exp === undefined) throw tokenInvalid('exp', keyId)
  // Condition: a token past its "exp" and the tolerance is refused.
  if (nowSeconds >= exp + toleranceSeconds) throw outsideItsTime('exp', nowSeconds - exp, keyId)
  // Condition: a token before its "nbf", less the tolerance, is refused.
  if (nbf !== undefined && nbf > nowSeconds + toleranceSeconds) throw outsideItsTime('nbf', nowSeconds - nbf, keyId)
  // "iat" says when a token was made, not from when on it holds: it counts for the lifetime alone.
  const begin = nbf ?? iat
  // Condition: a token that lives longer than a day, or than its kind may, is refused.
  if (begin !== undefined && exp - begin > maxLifetimeSeconds) throw tokenInvalid('lifetime', keyId)
  // Condition: a token that ends more than a day from now, or than its kind may live, is refused.
  if (exp > nowSeconds + maxLifetimeSeconds + toleranceSeconds) throw tokenInvalid('lifetime', keyId)
  return { exp, begin }
}
