import type { JsonObject } from '../core/json.ts'
import { type SignatureSuite, suiteOf } from '../crypto/suites.ts'
import { tokenInvalid } from './refusal.ts'

/** The header of a workload identity token. */
export interface WitHeader {
  readonly alg: string
  readonly suite: SignatureSuite
  readonly kid?: string
}

const TYPE = /^(?:application\/)?wit\+jwt$/i
/** Each of them would make the token say how, or by what, it is to be verified. */
const FORBIDDEN: readonly string[] = ['crit', 'jku', 'x5u', 'jwk', 'b64', 'zip']

/** Reads the header: what kind of token it is, how it was signed, and by which key it says so. */
export function readHeader(header: JsonObject): WitHeader {
  const { typ, alg, kid } = header
  // Condition: a token of another type than wit+jwt is refused.
  if (typeof typ !== 'string' || !TYPE.test(typ)) throw tokenInvalid('typ')
  const suite = typeof alg === 'string' ? suiteOf(alg) : undefined
  // Condition: a token signed with another algorithm than ES256 or Ed25519 is refused.
  if (typeof alg !== 'string' || suite === undefined) throw tokenInvalid('alg')
  // Condition: a token whose header has crit, jku, x5u, jwk, b64 or zip is refused.
  if (FORBIDDEN.some((name) => Object.hasOwn(header, name))) throw tokenInvalid('header')
  // Condition: a token whose "kid" is not a string is refused.
  if (kid !== undefined && typeof kid !== 'string') throw tokenInvalid('kid')
  return { alg, suite, ...(kid === undefined ? {} : { kid }) }
}
