import { generateKeyPairSync } from 'node:crypto'
import { SignJWT } from 'jose'
import { describe, expect } from 'vitest'
import type { JsonObject } from '../../src/core/json.ts'
import type { Jwk } from '../../src/crypto/primitives.ts'
import { thumbprint } from '../../src/keys/jwk.ts'
import { readAccessHeader, verifyAccessToken } from '../../src/token/access-token.ts'
import type { AccessTokenRules } from '../../src/token/access-token-rules.ts'
import { gateToken } from '../../src/token/gate.ts'
import { hashOf } from '../../src/token/token-hash.ts'
import { readKeyDocument } from '../../src/trust/key-document.ts'
import { isAnchor } from '../../src/trust/schema.ts'
import { refusal, refusalOf } from '../core/refusal.ts'
import { vectorFile, vectorIt } from './load.ts'

interface Decoded {
  readonly header: JsonObject & { readonly alg: string }
  readonly claims: JsonObject
}
interface Vectors {
  readonly dpop: {
    readonly proofs: readonly { readonly header: { readonly jwk: Jwk }; readonly jkt: string }[]
    readonly access_token: string
    readonly ath: string
    readonly bound_access_token_jwt: string
    readonly bound_decoded: Decoded
    readonly jkt_expected: string
  }
  readonly rfc9068_example: Decoded
  readonly rfc8693_act_example: JsonObject
  readonly rfc8705_example: JsonObject
  readonly txn_token_example: Decoded
  readonly spiffe_bundle_example: { readonly spiffe_refresh_hint: number }
}

const vectors = vectorFile('tokens-vectors.json') as Vectors | undefined

function given(): Vectors {
  if (vectors === undefined) throw new Error('COUNTERSIGN_VECTORS is not set')
  return vectors
}

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })

const RULES: AccessTokenRules = {
  issuer: 'https://authorization-server.example.com/',
  audiences: ['https://rs.example.com/'],
  algorithms: new Set(['RS256']),
  type: 'at+jwt',
  maxLifetimeSeconds: 31_536_000,
  permissions: ['scope'],
}

/** The examples give what a token says and not its key: it is signed anew here. */
async function verify(header: Decoded['header'], claims: JsonObject, at: number, more: Partial<AccessTokenRules> = {}) {
  const token = await new SignJWT({ ...claims }).setProtectedHeader(header).sign(privateKey)
  const judged = { rules: { ...RULES, ...more }, moment: { nowSeconds: at, toleranceSeconds: 30 } }
  return verifyAccessToken(token, { gated: gateToken(token), key: publicKey as never }, judged)
}
const RS256 = { alg: 'RS256', typ: 'JWT' } as const

describe('the examples of the standards on tokens', () => {
  vectorIt('RFC 9068: an access token says who, for whom and what it permits', async () => {
    const { header, claims } = given().rfc9068_example
    const at = Number(claims.iat) + 60
    expect(await verify(header, claims, at)).toMatchObject({
      subject: '5ba552d67',
      clientId: 's6BhdRkqt3',
      scopes: ['openid', 'profile', 'reademail'],
    })
    // It lives for 245 days, which has to be allowed by name.
    const refused = await refusalOf(() => verify(header, claims, at, { maxLifetimeSeconds: undefined }))
    expect(refused.detail.step).toBe('lifetime')
  })

  vectorIt('RFC 9449: thumbprints and digests are those of the text', async () => {
    const { proofs, access_token, ath, jkt_expected, bound_access_token_jwt, bound_decoded } = given().dpop
    for (const { header, jkt } of proofs) expect([await thumbprint(header.jwk), jkt]).toEqual([jkt_expected, jkt])
    expect(await hashOf(access_token)).toBe(ath)
    expect(gateToken(bound_access_token_jwt)).toEqual(bound_decoded)
    // It names no audience and no type: RFC 9068, which demands both, is the later one.
    expect(refusal(() => readAccessHeader(gateToken(bound_access_token_jwt), RULES)).detail.step).toBe('typ')
  })

  vectorIt('RFC 8705: a token that is bound to a certificate says to which', async () => {
    const claims = given().rfc8705_example
    const rules = { issuer: String(claims.iss), type: 'JWT' as const }
    const aud = 'https://rs.example.com/'
    const { confirmation } = await verify(RS256, { ...claims, aud }, Number(claims.nbf) + 60, rules)
    expect(confirmation).toEqual({ certificate: 'bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2' })
  })

  vectorIt('RFC 8693: who acts for the subject is told, and is not the subject', async () => {
    const claims = given().rfc8693_act_example
    const at = 1_700_000_000
    const rules = { issuer: String(claims.iss), audiences: [String(claims.aud)], type: 'JWT' as const }
    const found = await verify(RS256, { ...claims, exp: at + 60 }, at, rules)
    expect(found).toMatchObject({ subject: claims.sub, scopes: [], claims: { act: claims.act } })
  })

  vectorIt('a transaction token is no access token', async () => {
    const { header, claims } = given().txn_token_example
    for (const type of ['at+jwt', 'JWT'] as const) {
      const { detail } = await refusalOf(() => verify(header, claims, Number(claims.iat) + 1, { type }))
      expect(detail.step).toBe('typ')
    }
  })

  vectorIt('SPIFFE: of a bundle the sequence, the hint and no key for certificates as one for tokens', () => {
    const bundle = given().spiffe_bundle_example
    const document = readKeyDocument(bundle, undefined)
    expect(document).toMatchObject({ sequence: 1, refreshHintSeconds: bundle.spiffe_refresh_hint })
    expect(document.keys.filter(isAnchor)).toEqual([])
  })
})
