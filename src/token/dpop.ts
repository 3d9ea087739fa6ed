import { primitives } from '#crypto'
import { fromBase64url } from '../core/base64url.ts'
import { utf8 } from '../core/bytes.ts'
import { isJsonObject } from '../core/json.ts'
import type { Jwk, VerifyingKey } from '../crypto/primitives.ts'
import { suiteOf } from '../crypto/suites.ts'
import { hasPrivateMembers, thumbprint } from '../keys/jwk.ts'
import { type GatedToken, gateToken } from './gate.ts'
import { pointOf } from './named-keys.ts'
import { tokenInvalid } from './refusal.ts'
import { hashOf } from './token-hash.ts'

/** What a DPoP proof is held to. */
export interface DpopExpectation {
  readonly method: string
  /** Whether a URL, without query and fragment, is the one that is called. */
  readonly isTarget: (url: string) => boolean
  /** The access token that comes with it. */
  readonly token: string
  readonly nowSeconds: number
  readonly toleranceSeconds: number
}

/** A proof that held: whose key it is, and by what it is known when it comes again. */
export interface DpopProof {
  readonly jkt: string
  readonly id: string
  readonly nonce: string | undefined
  /** Epoch seconds: from then on it is accepted by nobody. */
  readonly endsAt: number
}

/** How old a proof may be. */
const MAX_AGE_SECONDS = 60
const MAX_ID = 256
const TYPE = /^(?:application\/)?dpop\+jwt$/i
/** Those of RFC 9449 and RFC 7515: nothing that says how it is to be verified, but for `jwk`. */
const HEADER: ReadonlySet<string> = new Set(['typ', 'alg', 'jwk', 'kid'])

/**
 * Verifies a DPoP proof (RFC 9449 §4.3) but for its nonce and whether it was used before. It covers method, URL without
 * query, and the access token; neither body nor fields.
 */
export async function verifyDpop(text: string, expected: DpopExpectation): Promise<DpopProof> {
  const gated = gateToken(text)
  const { key, jkt } = await readKey(gated)
  const dot = text.lastIndexOf('.')
  const signature = fromBase64url(text.slice(dot + 1)) ?? new Uint8Array(0)
  // Condition: a DPoP proof whose signature does not hold under the key it names is refused.
  if (!(await primitives.verify(key, utf8(text.slice(0, dot)), signature))) throw tokenInvalid('signature')
  return checkClaims(gated, jkt, expected)
}

async function readKey({ header }: GatedToken) {
  const { typ, alg, jwk } = header
  // Condition: a DPoP proof of another type is refused.
  if (typeof typ !== 'string' || !TYPE.test(typ)) throw tokenInvalid('typ')
  const suite = typeof alg === 'string' ? suiteOf(alg) : undefined
  // Condition: a DPoP proof by another algorithm than ES256 or Ed25519 is refused.
  if (suite === undefined) throw tokenInvalid('alg')
  // Condition: a DPoP proof with an unknown member in its header is refused.
  if (Object.keys(header).some((name) => !HEADER.has(name))) throw tokenInvalid('header')
  // Condition: a DPoP proof without a public key is refused.
  if (!isJsonObject(jwk) || hasPrivateMembers(jwk as Jwk)) throw tokenInvalid('jwk')
  const point = pointOf(jwk)
  // Condition: a DPoP proof whose key does not fit its algorithm is refused.
  if (point?.kty !== suite.kty || point.crv !== suite.crv) throw tokenInvalid('jwk')
  try {
    const key: VerifyingKey = await primitives.verifyingKey(suite, point)
    return { key, jkt: await thumbprint(point) }
  } catch {
    // Condition: a DPoP proof whose key is no point of its curve is refused.
    throw tokenInvalid('jwk')
  }
}

async function checkClaims({ claims }: GatedToken, jkt: string, expected: DpopExpectation): Promise<DpopProof> {
  const { jti, htm, htu, iat, ath, nonce } = claims
  // Condition: a DPoP proof without a "jti" of at most 256 characters is refused.
  if (typeof jti !== 'string' || jti === '' || jti.length > MAX_ID) throw tokenInvalid('jti')
  // Condition: a DPoP proof for another method is refused.
  if (htm !== expected.method) throw tokenInvalid('htm')
  const url = typeof htu === 'string' ? withoutQuery(htu) : undefined
  // Condition: a DPoP proof for another URL is refused.
  if (url === undefined || !expected.isTarget(url)) throw tokenInvalid('htu')
  const { nowSeconds, toleranceSeconds } = expected
  const age = typeof iat === 'number' ? nowSeconds - iat : Number.NaN
  const isNow = age >= -toleranceSeconds && age <= MAX_AGE_SECONDS + toleranceSeconds
  // Condition: a DPoP proof that was made too long ago or is of the future is refused.
  if (!isNow) throw tokenInvalid('iat')
  // Condition: a DPoP proof for another access token is refused.
  if (ath !== (await hashOf(expected.token))) throw tokenInvalid('ath')
  // Condition: a DPoP proof whose "nonce" is no text is refused.
  if (nonce !== undefined && typeof nonce !== 'string') throw tokenInvalid('nonce')
  const endsAt = Math.ceil(nowSeconds - age) + MAX_AGE_SECONDS + toleranceSeconds
  return { jkt, id: await hashOf(jti), nonce, endsAt }
}

/** The URL as it is compared: normalised by syntax and scheme, without query and fragment (RFC 9449 §4.3). */
function withoutQuery(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined
  const { protocol, username, password, origin, pathname } = new URL(text)
  const isPlain = (protocol === 'https:' || protocol === 'http:') && username === '' && password === ''
  return isPlain ? origin + pathname : undefined
}
