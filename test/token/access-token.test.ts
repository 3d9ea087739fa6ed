import { describe, expect, it } from 'vitest'
import type { Jwk } from '../../src/crypto/primitives.ts'
import { generateKey, publicJwk } from '../../src/keys/jwk.ts'
import { readAccessHeader, verifyAccessToken } from '../../src/token/access-token.ts'
import type { AccessTokenRules } from '../../src/token/access-token-rules.ts'
import { gateToken } from '../../src/token/gate.ts'
import { readIssuerKeys } from '../../src/token/issuer-keys.ts'
import { refusalOf } from '../core/refusal.ts'
import { forge, type Json, NOW } from './fixtures.ts'

const key = await generateKey({ alg: 'ES256', kid: 'one' })
const other = await generateKey({ alg: 'ES256', kid: 'two' })
const edwards = await generateKey({ alg: 'Ed25519', kid: 'three' })
const header: Json = { typ: 'at+jwt', alg: 'ES256', kid: 'one' }
const claims: Json = {
  iss: 'https://issuer.test',
  aud: 'https://ledger.test',
  sub: 'user-1',
  client_id: 'web',
  jti: 'a',
  iat: NOW,
  exp: NOW + 600,
}
const RULES: AccessTokenRules = {
  issuer: 'https://issuer.test',
  audiences: ['https://ledger.test', 'ledger'],
  algorithms: new Set(['ES256', 'EdDSA', 'Ed25519']),
  type: 'at+jwt',
  permissions: ['scope', 'roles'],
}
const keysOf = (...keys: Jwk[]) => ({ keys: keys.map(publicJwk), sequence: undefined, refreshHintSeconds: undefined })

interface Given {
  readonly head?: Json
  readonly body?: Json
  readonly rules?: Partial<AccessTokenRules>
  readonly by?: Jwk
}

async function verify({ head = {}, body = {}, rules: more = {}, by = key }: Given = {}) {
  const rules = { ...RULES, ...more }
  const token = await forge({ ...header, ...head }, { ...claims, ...body }, by)
  const gated = gateToken(token)
  const { alg, kid } = readAccessHeader(gated, rules)
  const found = await readIssuerKeys(keysOf(key, other, edwards)).find(kid, alg)
  if (found === undefined) throw new Error('no key')
  return verifyAccessToken(
    token,
    { gated, key: await found.key },
    { rules, moment: { nowSeconds: NOW, toleranceSeconds: 30 } },
  )
}
const stepOf = async (given: Given) => {
  const { code, detail } = await refusalOf(() => verify(given))
  return `${code} ${detail.step}`
}

describe('an access token', () => {
  it('that holds says who, for how long and what it permits', async () => {
    expect(await verify({ body: { scope: 'a b', roles: ['c', 7, ''], groups: ['d'] } })).toEqual({
      subject: 'user-1',
      clientId: 'web',
      tokenId: 'a',
      scopes: ['a', 'b', 'c'],
      confirmation: undefined,
      expiresAt: (NOW + 600) * 1000,
      claims: expect.objectContaining({ sub: 'user-1' }),
    })
    expect((await verify({ head: { typ: 'application/AT+JWT' }, body: { aud: ['x', 'ledger'] } })).subject).toBe(
      'user-1',
    )
  })

  it('an access token of another type than those of its issuer is refused', async () => {
    for (const typ of ['JWT', 'wit+jwt', 'dpop+jwt', 'id+jwt', '', 7, undefined])
      expect(await stepOf({ head: { typ } })).toBe('token-invalid typ')
    for (const typ of ['JWT', 'jwt', 'at+jwt', undefined])
      expect((await verify({ head: { typ }, rules: { type: 'JWT' } })).subject).toBe('user-1')
    for (const typ of ['wit+jwt', 'dpop+jwt', 'logout+jwt', 7])
      expect(await stepOf({ head: { typ }, rules: { type: 'JWT' } })).toBe('token-invalid typ')
  })

  it('an access token signed with an algorithm that is not listed is refused', async () => {
    for (const alg of ['none', 'HS256', 'RS256', 'es256', 'ES384', undefined, 7])
      expect(await stepOf({ head: { alg } })).toBe('token-invalid alg')
  })

  it('an access token whose header says how it is to be verified is refused', async () => {
    for (const name of ['crit', 'jku', 'x5u', 'x5c', 'jwk', 'b64', 'zip', 'enc'])
      expect(await stepOf({ head: { [name]: ['x'] } })).toBe('token-invalid header')
  })

  it('an access token whose "kid" is not a string is refused', async () => {
    for (const kid of [7, null, ['one']]) expect(await stepOf({ head: { kid } })).toBe('token-invalid kid')
  })

  it('an access token without "kid" is refused where more than one key fits', async () => {
    expect(await stepOf({ head: { kid: undefined } })).toBe('token-invalid kid')
    expect((await verify({ head: { kid: undefined, alg: 'EdDSA' }, by: edwards })).subject).toBe('user-1')
  })

  it('an access token whose signature does not hold under its key is refused', async () => {
    expect(await stepOf({ by: other })).toBe('token-invalid signature')
  })

  it('an access token of another issuer is refused', async () => {
    for (const iss of ['https://issuer.test/', 'https://other.test', undefined, ['https://issuer.test']])
      expect(await stepOf({ body: { iss } })).toBe('token-invalid iss')
  })

  it('an access token for another audience is refused', async () => {
    for (const aud of ['https://ledger.test/', 'other', '', undefined, [], [['ledger']], { 0: 'ledger' }])
      expect(await stepOf({ body: { aud } })).toBe('token-invalid aud')
  })

  it('outside its time, without an end or for longer than a day is refused', async () => {
    expect(await stepOf({ body: { exp: undefined } })).toBe('token-invalid exp')
    expect(await stepOf({ body: { exp: NOW - 30 } })).toBe('token-expired exp')
    expect(await stepOf({ body: { nbf: NOW + 31 } })).toBe('token-expired nbf')
    expect(await stepOf({ body: { exp: NOW + 86_401 } })).toBe('token-invalid lifetime')
  })

  it('an access token without a subject that can be written down is refused', async () => {
    for (const sub of [undefined, '', 7, 'a b', 'a\n', 'ä', 'a'.repeat(257)])
      expect(await stepOf({ body: { sub } })).toBe('token-invalid sub')
  })

  it('an access token without "client_id" or "jti" is refused where RFC 9068 demands them', async () => {
    for (const name of ['client_id', 'jti', 'iat'])
      expect(await stepOf({ body: { [name]: undefined } })).toBe('token-invalid claims')
    const lax = { rules: { type: 'JWT' } as const, body: { client_id: undefined, jti: undefined, iat: undefined } }
    expect(await verify(lax)).toMatchObject({ clientId: undefined, tokenId: undefined })
  })

  it('an access token with more than 256 permissions in a claim is refused', async () => {
    expect(await stepOf({ body: { roles: Array(257).fill('a') } })).toBe('token-invalid scope')
    expect((await verify({ body: { roles: Array(256).fill('a') } })).scopes).toHaveLength(256)
  })

  it('an access token that is bound to something we do not know is refused', async () => {
    for (const cnf of [
      null,
      'x',
      [],
      {},
      { jwk: {} },
      { kid: 'a' },
      { jkt: 'a', jwk: {} },
      { jkt: 7 },
      { 'x5t#S256': 7 },
    ])
      expect(await stepOf({ body: { cnf } })).toBe('token-invalid cnf')
    expect((await verify({ body: { cnf: { jkt: 'a' } } })).confirmation).toEqual({ jkt: 'a' })
    expect((await verify({ body: { cnf: { jkt: 'a', 'x5t#S256': 'b' } } })).confirmation).toEqual({
      jkt: 'a',
      certificate: 'b',
    })
  })
})

describe('the keys of an issuer', () => {
  const rsa = { kty: 'RSA', n: 'AQAB', e: 'AQAB', kid: 'rsa' }
  const find = (jwk: Jwk, alg: string) => readIssuerKeys({ ...keysOf(), keys: [jwk] }).find(jwk.kid, alg)

  it('are used for the one algorithm they are for', () => {
    for (const alg of ['ES384', 'ES512', 'EdDSA', 'RS256', 'PS256', 'HS256', 'none'])
      expect([alg, find(publicJwk(key), alg)]).toEqual([alg, undefined])
    expect(find({ ...publicJwk(key), alg: 'ES384' }, 'ES256')).toBeUndefined()
    expect(find({ ...publicJwk(key), use: 'enc' }, 'ES256')).toBeUndefined()
    for (const key_ops of [['encrypt'], [], 7])
      expect(find({ ...publicJwk(key), key_ops } as unknown as Jwk, 'ES256')).toBeUndefined()
    expect(find({ ...publicJwk(key), key_ops: ['verify'] } as Jwk, 'ES256')).toBeDefined()
    expect(find({ ...rsa, alg: 'RS256' }, 'PS256')).toBeUndefined()
    expect(find({ ...rsa, alg: 'RSA-OAEP' }, 'PS256')).toBeUndefined()
  })

  it('go by both names of EdDSA', async () => {
    for (const alg of ['EdDSA', 'Ed25519'])
      for (const named of ['EdDSA', 'Ed25519', undefined]) {
        const jwk = Object.fromEntries(
          Object.entries({ ...publicJwk(edwards), alg: named }).filter(([, v]) => v !== undefined),
        )
        expect(await find(jwk as Jwk, alg)?.key).toBeDefined()
      }
  })

  it('that nobody knows are not found', () => {
    expect(readIssuerKeys(keysOf(key)).find('other', 'ES256')).toBeUndefined()
    expect(readIssuerKeys(keysOf()).find(undefined, 'ES256')).toBeUndefined()
  })

  it('are imported once', () => {
    const keys = readIssuerKeys(keysOf(key, other))
    expect(keys.find('one', 'ES256')?.key).toBe(keys.find('one', 'ES256')?.key)
    expect(keys.find('one', 'ES256')?.key).not.toBe(keys.find('two', 'ES256')?.key)
  })
})
