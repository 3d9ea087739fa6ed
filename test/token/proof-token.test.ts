import { describe, expect, it } from 'vitest'
import { primitives } from '#crypto'
import { suiteOfKey } from '../../src/crypto/suites.ts'
import { mintProofToken, readProofToken, verifyProofToken } from '../../src/token/proof-token.ts'
import { hashOf } from '../../src/token/token-hash.ts'
import { createTokenVerifier } from '../../src/token/verify-wit.ts'
import { refusal, refusalOf } from '../core/refusal.ts'
import { clockAt, domain, forge, type Json, NOW } from './fixtures.ts'

const { anchor, proof: key, header: witHeader, claims: witClaims, trust } = await domain()
const wit = await forge(witHeader, witClaims, anchor)
const token = await createTokenVerifier({ clock: clockAt(), toleranceSeconds: 30 }).verify(wit, trust)

const AUDIENCE = 'https://ledger.test/entries'
const header: Json = { typ: 'wpt+jwt', alg: 'ES256' }
const claims: Json = { aud: AUDIENCE, exp: NOW + 60, jti: 'proof-1', wth: await hashOf(wit) }

type Headers = Readonly<Record<string, readonly string[]>>
const carrierOf = (headers: Headers) => (name: string) => headers[name] ?? []

const read = async (head: Json, body: Json = {}) =>
  readProofToken(await forge({ ...header, ...head }, { ...claims, ...body }, key))
const expectation = (headers: Headers, nowSeconds = NOW) => ({
  token,
  carrier: carrierOf(headers),
  nowSeconds,
  toleranceSeconds: 30,
  maxLifetimeSeconds: 300,
})

async function verify(body: Json = {}, headers: Headers = {}, nowSeconds = NOW): Promise<void> {
  return verifyProofToken(await read({}, body), expectation(headers, nowSeconds))
}
const shapeOf = async (head: Json, body: Json = {}) => {
  const { code, detail } = await refusalOf(() => read(head, body))
  return `${code} ${detail.step}`
}
const fallOf = async (...given: Parameters<typeof verify>) => {
  const { code, detail } = await refusalOf(() => verify(...given))
  return `${code} ${detail.step}`
}

describe('reading a proof token', () => {
  it('tells what it says', async () => {
    const oth = { 'x-user': 'a' }
    expect(await read({}, { aud: `${AUDIENCE}?a=1#b`, ath: 'x', tth: 'y', oth })).toMatchObject({
      audience: AUDIENCE,
      expires: NOW + 60,
      id: 'proof-1',
      covered: new Set(['authorization', 'txn-token', 'x-user']),
    })
    expect((await read({ typ: 'application/WPT+jwt', kid: 'k' })).id).toBe('proof-1')
  })

  it('a proof token of another type is refused', async () => {
    for (const typ of ['jwt', 'wit+jwt', 'dpop+jwt', '', 7, undefined])
      expect(await shapeOf({ typ })).toBe('proof-incomplete typ')
  })

  it('a proof token whose header says how it is to be verified is refused', async () => {
    for (const name of ['jwk', 'jku', 'x5c', 'crit', 'b64', 'other'])
      expect(await shapeOf({ [name]: ['x'] })).toBe('proof-incomplete header')
  })

  it('a proof token without an audience is refused', async () => {
    for (const aud of [undefined, '', 7, [AUDIENCE]]) expect(await shapeOf({}, { aud })).toBe('proof-incomplete aud')
  })

  it('a proof token without an end in whole seconds is refused', async () => {
    for (const exp of [undefined, '1', 1.5, null]) expect(await shapeOf({}, { exp })).toBe('proof-incomplete exp')
  })

  it('a proof token without a "jti" of 1 to 128 printable characters is refused', async () => {
    for (const jti of [undefined, '', 'a b', 'ä', 7, 'x'.repeat(129)])
      expect(await shapeOf({}, { jti })).toBe('proof-incomplete jti')
  })

  it('a proof token that names no identity token is refused', async () => {
    for (const wth of [undefined, 7]) expect(await shapeOf({}, { wth })).toBe('proof-incomplete wth')
  })

  it('a proof token that covers fields whose names are none, or more than 16, is refused', async () => {
    const many = Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`x-${index}`, 'a']))
    for (const oth of ['x', [], null, { 'X-User': 'a' }, { '': 'a' }, { 'a b': 'a' }, many])
      expect(await shapeOf({}, { oth })).toBe('proof-incomplete oth')
  })

  it('a proof token that has not the one spelling of a token is refused', () => {
    for (const text of ['', 'a.b', 'a.b.c', '{}', 'a.b.c.d', 'x'.repeat(9000)])
      expect(refusal(() => readProofToken(text)).code).toBe('proof-incomplete')
  })
})

describe('verifying a proof token', () => {
  it('holds for the identity token and the tokens it was made for', async () => {
    const headers = { authorization: ['DPoP abc'], 'txn-token': ['t'], 'x-user': ['u'] }
    const body = { ath: await hashOf('abc'), tth: await hashOf('t'), oth: { 'x-user': await hashOf('u') } }
    await expect(verify()).resolves.toBeUndefined()
    await expect(verify(body, headers)).resolves.toBeUndefined()
  })

  it('a proof token by another algorithm than the identity token names is refused', async () => {
    for (const alg of ['EdDSA', 'none', 'es256', undefined]) {
      const proof = await read({ alg })
      const { detail } = await refusalOf(() => verifyProofToken(proof, expectation({})))
      expect(detail.step).toBe('alg')
    }
  })

  it('a proof token whose signature does not hold under the key of the identity token is refused', async () => {
    const forged = readProofToken(await forge(header, claims, anchor))
    const { code, detail } = await refusalOf(() => verifyProofToken(forged, expectation({})))
    expect([code, detail.step]).toEqual(['proof-invalid', 'signature'])
  })

  it('a proof token whose time is over is refused', async () => {
    expect(await fallOf({}, {}, NOW + 90)).toBe('proof-expired exp')
    await expect(verify({}, {}, NOW + 89)).resolves.toBeUndefined()
  })

  it('a proof token that ends later than it may live is refused', async () => {
    await expect(verify({ exp: NOW + 330 })).resolves.toBeUndefined()
    expect(await fallOf({ exp: NOW + 331 })).toBe('proof-expired lifetime')
  })

  it('a proof token for another identity token is refused', async () => {
    expect(await fallOf({ wth: await hashOf('other') })).toBe('proof-invalid wth')
  })

  it('a proof token that is not bound to the access token that comes with it is refused', async () => {
    const ath = await hashOf('abc')
    expect(await fallOf({}, { authorization: ['Bearer abc'] })).toBe('proof-invalid ath')
    expect(await fallOf({ ath }, { authorization: ['Bearer abd'] })).toBe('proof-invalid ath')
    expect(await fallOf({ ath })).toBe('proof-invalid ath')
    expect(await fallOf({ ath }, { authorization: ['Bearer abc', 'Bearer abd'] })).toBe('proof-invalid ath')
  })

  it('a proof token that is not bound to the transaction token that comes with it is refused', async () => {
    const tth = await hashOf('t')
    expect(await fallOf({}, { 'txn-token': ['t'] })).toBe('proof-invalid tth')
    expect(await fallOf({ tth }, { 'txn-token': ['u'] })).toBe('proof-invalid tth')
    expect(await fallOf({ tth })).toBe('proof-invalid tth')
    expect(await fallOf({ tth }, { 'txn-token': ['t', 't'] })).toBe('proof-invalid tth')
  })

  it('a proof token that is not bound to the credentials that come with it is refused', async () => {
    const authorization = ['Basic YTpi']
    expect(await fallOf({}, { authorization })).toBe('proof-invalid oth')
    const oth = { authorization: await hashOf('Basic YTpi') }
    await expect(verify({ oth }, { authorization })).resolves.toBeUndefined()
    expect(await fallOf({ oth }, { authorization: ['Basic YTpj'] })).toBe('proof-invalid oth')
  })

  it('a proof token that covers a field which is not there, or there twice, is refused', async () => {
    const oth = { 'x-user': await hashOf('u') }
    expect(await fallOf({ oth })).toBe('proof-invalid oth')
    expect(await fallOf({ oth }, { 'x-user': ['u', 'u'] })).toBe('proof-invalid oth')
    expect(await fallOf({ oth: { 'x-user': await hashOf('') } }, { 'x-user': ['u', 'u'] })).toBe('proof-invalid oth')
  })
})

describe('minting a proof token', () => {
  it('binds it to what travels with it', async () => {
    const signingKey = await primitives.signingKey(suiteOfKey(key), key)
    const headers = { authorization: ['Basic YTpi'], 'txn-token': ['t'], 'x-user': [' u '] }
    const given = { token: wit, signingKey, audience: AUDIENCE, expires: NOW + 60, id: 'a' }
    const text = await mintProofToken({ ...given, carrier: carrierOf(headers), others: ['x-user'] })
    const proof = readProofToken(text)
    expect(proof.covered).toEqual(new Set(['txn-token', 'authorization', 'x-user']))
    await expect(verifyProofToken(proof, expectation(headers))).resolves.toBeUndefined()
    await expect(verifyProofToken(proof, expectation({}))).rejects.toMatchObject({ code: 'proof-invalid' })
  })
})
