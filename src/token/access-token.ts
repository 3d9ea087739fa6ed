import { compactVerify } from 'jose'
import { isJsonObject, type JsonObject } from '../core/json.ts'
import type { AccessTokenRules } from './access-token-rules.ts'
import type { GatedToken } from './gate.ts'
import type { IssuerKey } from './issuer-keys.ts'
import { checkLifetime } from './lifetime.ts'
import { tokenInvalid } from './refusal.ts'

/** What a token is bound to: whoever presents it has to prove that it holds this. */
export interface Confirmation {
  /** RFC 7638 thumbprint of the key (RFC 9449 §6). */
  readonly jkt?: string
  /** SHA-256 of the certificate (RFC 8705 §3.1). */
  readonly certificate?: string
}

/** An access token that held. Whether it was presented by whom it is bound to is another question. */
export interface AccessToken {
  readonly subject: string
  readonly clientId: string | undefined
  readonly tokenId: string | undefined
  readonly scopes: readonly string[]
  readonly confirmation: Confirmation | undefined
  /** Epoch milliseconds. */
  readonly expiresAt: number
  readonly claims: JsonObject
}

/** When it is judged. */
export interface Moment {
  readonly nowSeconds: number
  readonly toleranceSeconds: number
}

/** Each of them would make the token say how, or by what, it is to be verified. */
const FORBIDDEN: readonly string[] = ['crit', 'jku', 'x5u', 'x5c', 'jwk', 'b64', 'zip', 'enc']
const ACCESS_TOKEN = /^(?:application\/)?at\+jwt$/i
const PLAIN_TOKEN = /^(?:application\/)?(?:at\+)?jwt$/i
const PRINTABLE = /^[\x21-\x7e]+$/
const MAX_SCOPES = 256

/** The header of an access token: how it was signed, and by which key it says so. */
export interface AccessTokenHeader {
  readonly alg: string
  readonly kid: string | undefined
}

/** Reads the header by the rules of the issuer (RFC 9068 §2.1, RFC 8725 §3.11). */
export function readAccessHeader({ header }: GatedToken, rules: AccessTokenRules): AccessTokenHeader {
  const { typ, alg, kid } = header
  // Condition: an access token of another type than those of its issuer is refused.
  if (!isTyped(typ, rules.type)) throw tokenInvalid('typ')
  // Condition: an access token signed with an algorithm that is not listed is refused.
  if (typeof alg !== 'string' || !rules.algorithms.has(alg)) throw tokenInvalid('alg')
  // Condition: an access token whose header says how it is to be verified is refused.
  if (FORBIDDEN.some((name) => Object.hasOwn(header, name))) throw tokenInvalid('header')
  // Condition: an access token whose "kid" is not a string is refused.
  if (kid !== undefined && typeof kid !== 'string') throw tokenInvalid('kid')
  return { alg, kid }
}

function isTyped(typ: unknown, type: AccessTokenRules['type']): boolean {
  if (typ === undefined) return type === 'JWT'
  return typeof typ === 'string' && (type === 'JWT' ? PLAIN_TOKEN : ACCESS_TOKEN).test(typ)
}

/** Verifies the signature, then what the token says (RFC 9068 §4). */
export async function verifyAccessToken(
  token: string,
  { gated, key }: { readonly gated: GatedToken; readonly key: IssuerKey },
  { rules, moment }: { readonly rules: AccessTokenRules; readonly moment: Moment },
): Promise<AccessToken> {
  const { alg } = readAccessHeader(gated, rules)
  try {
    await compactVerify(token, key, { algorithms: [alg] })
  } catch {
    // Condition: an access token whose signature does not hold under its key is refused.
    throw tokenInvalid('signature')
  }
  return readClaims(gated.claims, rules, moment)
}

function readClaims(claims: JsonObject, rules: AccessTokenRules, moment: Moment): AccessToken {
  // Condition: an access token of another issuer is refused.
  if (claims.iss !== rules.issuer) throw tokenInvalid('iss')
  checkAudience(claims.aud, rules.audiences)
  const { exp } = checkLifetime(claims, { ...moment, maxLifetimeSeconds: rules.maxLifetimeSeconds })
  const { sub, client_id: clientId, jti } = claims
  // Condition: an access token without a subject that can be written down is refused.
  if (typeof sub !== 'string' || sub.length > 256 || !PRINTABLE.test(sub)) throw tokenInvalid('sub')
  const isStrict = rules.type === 'at+jwt'
  // Condition: an access token without "client_id" or "jti" is refused where RFC 9068 demands them.
  if (isStrict && (typeof clientId !== 'string' || typeof jti !== 'string' || claims.iat === undefined))
    throw tokenInvalid('claims')
  return Object.freeze({
    subject: sub,
    clientId: typeof clientId === 'string' ? clientId : undefined,
    tokenId: typeof jti === 'string' ? jti : undefined,
    scopes: Object.freeze(rules.permissions.flatMap((name) => permissionsOf(claims[name]))),
    confirmation: readConfirmation(claims),
    expiresAt: exp * 1000,
    claims,
  })
}

function checkAudience(aud: unknown, audiences: readonly string[]): void {
  const named = Array.isArray(aud) ? aud : [aud]
  // Condition: an access token for another audience is refused.
  if (!named.some((one) => typeof one === 'string' && audiences.includes(one))) throw tokenInvalid('aud')
}

/** A text of names with spaces between them, or a list of names; what is neither gives no permission. */
function permissionsOf(value: unknown): readonly string[] {
  const names: unknown[] = typeof value === 'string' ? value.split(' ') : Array.isArray(value) ? value : []
  // Condition: an access token with more than 256 permissions in a claim is refused.
  if (names.length > MAX_SCOPES) throw tokenInvalid('scope')
  return names.filter((name): name is string => typeof name === 'string' && name !== '')
}

function readConfirmation({ cnf }: JsonObject): Confirmation | undefined {
  if (cnf === undefined) return undefined
  // Condition: an access token that is bound to something we do not know is refused.
  if (!isJsonObject(cnf)) throw tokenInvalid('cnf')
  const names = Object.keys(cnf)
  const isKnown = names.length > 0 && names.every((name) => name === 'jkt' || name === 'x5t#S256')
  const { jkt, 'x5t#S256': certificate } = cnf
  const areTexts = [jkt, certificate].every((one) => one === undefined || typeof one === 'string')
  if (!isKnown || !areTexts) throw tokenInvalid('cnf')
  return Object.freeze({
    ...(typeof jkt === 'string' ? { jkt } : {}),
    ...(typeof certificate === 'string' ? { certificate } : {}),
  })
}
