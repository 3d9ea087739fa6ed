import { primitives } from '#crypto'
import { fromBase64url, toBase64url } from '../core/base64url.ts'
import { equalText, utf8 } from '../core/bytes.ts'
import { CountersignError, isCountersignError } from '../core/errors.ts'
import { isJsonObject, type JsonObject } from '../core/json.ts'
import type { MaybePromise } from '../core/maybe-promise.ts'
import type { SigningKey } from '../crypto/primitives.ts'
import { type GatedToken, gateToken } from './gate.ts'
import { hashOf } from './token-hash.ts'
import type { VerifiedToken } from './verified-token.ts'

/** The header field, and the type, of workload proof tokens (draft-ietf-wimse-wpt). */
export const PROOF_TOKEN = 'workload-proof-token'
const TYPE = /^(?:application\/)?wpt\+jwt$/i

/** What a proof token says. Nothing of it holds before it is verified. */
export interface ProofToken {
  readonly text: string
  readonly alg: unknown
  /** Whom it is for: a URL without query and fragment, or a name. */
  readonly audience: string
  /** Epoch seconds. */
  readonly expires: number
  readonly id: string
  /** The field names whose values it is bound to, in lower case. */
  readonly covered: ReadonlySet<string>
  /** Whether it was made for a message that is not HTTP. */
  readonly isOfMessage: boolean
  readonly claims: JsonObject
}

/** The values of a header field, by its name in lower case, in what carries a proof token: a request, or a message. */
export type Carrier = (name: string) => MaybePromise<readonly string[]>

/** What a proof token is held to. */
export interface ProofTokenExpectation {
  /** The identity token that came with it, verified. */
  readonly token: VerifiedToken
  readonly carrier: Carrier
  readonly nowSeconds: number
  readonly toleranceSeconds: number
  readonly maxLifetimeSeconds: number
}

/** Our own claim: without it whoever carries a message could make a call of it, to any path that its sender may call. */
const OF_MESSAGE = 'msg'
const MAX_ID = 128
const HEADER: ReadonlySet<string> = new Set(['typ', 'alg', 'kid'])
const PRINTABLE = /^[\x21-\x7e]+$/
const NAME = /^[a-z0-9!#$%&'*+.^_`|~-]{1,64}$/
const MAX_OTHERS = 16

function incomplete(step: string): CountersignError {
  return new CountersignError('proof-incomplete', { detail: { step } })
}

function invalid(step: string): CountersignError {
  return new CountersignError('proof-invalid', { detail: { step } })
}

/** Reads a proof token (draft-ietf-wimse-wpt §2). It proves nothing yet. */
export function readProofToken(text: string): ProofToken {
  const { header, claims } = gated(text)
  // Condition: a proof token of another type is refused.
  if (typeof header.typ !== 'string' || !TYPE.test(header.typ)) throw incomplete('typ')
  // Condition: a proof token whose header says how it is to be verified is refused.
  if (Object.keys(header).some((name) => !HEADER.has(name))) throw incomplete('header')
  const { aud, exp, jti, wth } = claims
  // Condition: a proof token without an audience is refused.
  if (typeof aud !== 'string' || aud === '') throw incomplete('aud')
  // Condition: a proof token without an end in whole seconds is refused.
  if (typeof exp !== 'number' || !Number.isSafeInteger(exp)) throw incomplete('exp')
  // Condition: a proof token without a "jti" of 1 to 128 printable characters is refused.
  if (typeof jti !== 'string' || jti.length > MAX_ID || !PRINTABLE.test(jti)) throw incomplete('jti')
  // Condition: a proof token that names no identity token is refused.
  if (typeof wth !== 'string') throw incomplete('wth')
  return {
    text,
    alg: header.alg,
    audience: withoutQuery(aud),
    expires: exp,
    id: jti,
    covered: coveredBy(claims),
    isOfMessage: claims[OF_MESSAGE] !== undefined,
    claims,
  }
}

function gated(text: string): GatedToken {
  try {
    return gateToken(text)
  } catch (cause) {
    if (!isCountersignError(cause)) throw cause
    // Condition: a proof token that has not the one spelling of a token is refused.
    throw new CountersignError('proof-incomplete', { cause, detail: cause.detail })
  }
}

function withoutQuery(audience: string): string {
  return audience.split(/[?#]/, 1)[0] ?? ''
}

function coveredBy({ ath, tth, oth = {} }: JsonObject): ReadonlySet<string> {
  const others = isJsonObject(oth) ? Object.keys(oth) : undefined
  // Condition: a proof token that covers fields whose names are none, or more than 16, is refused.
  if (others === undefined || others.length > MAX_OTHERS || !others.every((name) => NAME.test(name)))
    throw incomplete('oth')
  const own = [...(ath === undefined ? [] : ['authorization']), ...(tth === undefined ? [] : ['txn-token'])]
  return new Set([...own, ...others])
}

/** Verifies a proof token by the identity token that came with it: all but its audience, and whether it was used before. */
export async function verifyProofToken(proof: ProofToken, expected: ProofTokenExpectation): Promise<void> {
  const { token, carrier, nowSeconds, toleranceSeconds, maxLifetimeSeconds } = expected
  // Condition: a proof token by another algorithm than the identity token names is refused.
  if (proof.alg !== algorithmOf(token.claims)) throw invalid('alg')
  const { text, expires, claims } = proof
  const dot = text.lastIndexOf('.')
  const signature = fromBase64url(text.slice(dot + 1)) ?? new Uint8Array(0)
  // Condition: a proof token whose signature does not hold under the key of the identity token is refused.
  if (!(await primitives.verify(token.proofKey, utf8(text.slice(0, dot)), signature))) throw invalid('signature')
  // Condition: a proof token whose time is over is refused.
  if (expires <= nowSeconds - toleranceSeconds)
    throw new CountersignError('proof-expired', {
      detail: { step: 'exp', clockDifferenceSeconds: nowSeconds - expires },
    })
  // Condition: a proof token that ends later than it may live is refused.
  if (expires > nowSeconds + maxLifetimeSeconds + toleranceSeconds)
    throw new CountersignError('proof-expired', { detail: { step: 'lifetime' } })
  // Condition: a proof token for another identity token is refused.
  if (!equalText(String(claims.wth), await hashOf(token.token))) throw invalid('wth')
  await checkCovered(claims, carrier)
}

async function checkCovered({ ath, tth, oth }: JsonObject, carrier: Carrier): Promise<void> {
  const others = isJsonObject(oth) ? oth : {}
  const authorization = await carrier('authorization')
  const access = accessTokenIn(authorization)
  // Condition: a proof token that is not bound to the access token that comes with it is refused.
  await compare('ath', ath, access)
  // Condition: a proof token that is not bound to the transaction token that comes with it is refused.
  await compare('tth', tth, only(await carrier('txn-token')))
  const isOther = authorization.length > 0 && access === undefined
  // Condition: a proof token that is not bound to the credentials that come with it is refused.
  if (isOther && others.authorization === undefined) throw invalid('oth')
  for (const [name, hash] of Object.entries(others)) {
    const [value, ...more] = await carrier(name)
    // Condition: a proof token that covers a field which is not there, or there twice, is refused.
    if (value === undefined || more.length > 0) throw invalid('oth')
    await compare('oth', hash, value.trim())
  }
}

async function compare(step: string, hash: unknown, value: string | undefined): Promise<void> {
  if (hash === undefined && value === undefined) return
  const expected = value === undefined ? undefined : await hashOf(value)
  if (typeof hash !== 'string' || expected === undefined || !equalText(hash, expected)) throw invalid(step)
}

function only(values: readonly string[]): string | undefined {
  // What comes twice is no one value that anything could be bound to.
  return values.length === 1 ? values[0] : values.length === 0 ? undefined : ''
}

function accessTokenIn(authorization: readonly string[]): string | undefined {
  const value = only(authorization)
  return value === undefined ? undefined : /^(?:bearer|dpop) +([\x21-\x7e]+)$/i.exec(value)?.[1]
}

/** The one algorithm that an identity token allows for proofs, as it spells it. */
function algorithmOf({ cnf }: JsonObject): unknown {
  return isJsonObject(cnf) && isJsonObject(cnf.jwk) ? cnf.jwk.alg : undefined
}

/** What a proof token is made from. */
export interface MintProofToken {
  /** Our own identity token, and its key. */
  readonly token: string
  readonly signingKey: SigningKey
  readonly audience: string
  /** Epoch seconds. */
  readonly expires: number
  readonly id: string
  readonly carrier: Carrier
  /** Further fields to bind, in lower case. */
  readonly others?: readonly string[]
  /** Whether it is for a message that is not HTTP: then no guard takes it for a call. */
  readonly isOfMessage?: boolean
}

/** Mints a proof token: bound to our identity token and to whatever other tokens travel with it. */
export async function mintProofToken(given: MintProofToken): Promise<string> {
  const { token, signingKey, carrier, others = [] } = given
  const header = { alg: algorithmOf(gateToken(token).claims), typ: 'wpt+jwt' }
  const authorization = await carrier('authorization')
  const access = accessTokenIn(authorization)
  const transaction = only(await carrier('txn-token'))
  const isOther = authorization.length > 0 && access === undefined
  const oth: Record<string, string> = {}
  for (const name of isOther ? ['authorization', ...others] : others)
    oth[name] = await hashOf((only(await carrier(name)) ?? '').trim())
  const claims = {
    aud: withoutQuery(given.audience),
    exp: given.expires,
    jti: given.id,
    wth: await hashOf(token),
    ...(access === undefined ? {} : { ath: await hashOf(access) }),
    ...(transaction === undefined ? {} : { tth: await hashOf(transaction) }),
    ...(Object.keys(oth).length === 0 ? {} : { oth }),
    ...(given.isOfMessage === true ? { [OF_MESSAGE]: true } : {}),
  }
  const input = `${partOf(header)}.${partOf(claims)}`
  return `${input}.${toBase64url(await primitives.sign(signingKey, utf8(input)))}`
}

function partOf(value: JsonObject): string {
  return toBase64url(utf8(JSON.stringify(value)))
}
