import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { generateKey, publicJwk } from '../../src/keys/jwk.ts'
import { type DpopExpectation, verifyDpop } from '../../src/token/dpop.ts'
import { hashOf } from '../../src/token/token-hash.ts'
import { refusalOf } from '../core/refusal.ts'
import { forge, type Json, NOW } from './fixtures.ts'

const key = await generateKey({ alg: 'ES256', kid: 'a' })
const { kid: _, alg: __, ...jwk } = publicJwk(key)
const token = 'Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU'
const url = 'https://ledger.test/entries'
const header: Json = { typ: 'dpop+jwt', alg: 'ES256', jwk }
const claims: Json = { jti: 'once', htm: 'POST', htu: url, iat: NOW, ath: await hashOf(token) }

const expected = (more: Partial<DpopExpectation> = {}): DpopExpectation => ({
  method: 'POST',
  isTarget: (given) => given === url,
  token,
  nowSeconds: NOW,
  toleranceSeconds: 30,
  ...more,
})

async function verify(head: Json = {}, body: Json = {}, more: Partial<DpopExpectation> = {}) {
  return verifyDpop(await forge({ ...header, ...head }, { ...claims, ...body }, key), expected(more))
}
const stepOf = async (...given: Parameters<typeof verify>) => {
  const { code, detail } = await refusalOf(() => verify(...given))
  return `${code} ${detail.step}`
}
const without = (name: string) => ({ [name]: undefined })

describe('a DPoP proof', () => {
  it('that holds gives its key, its name and its end', async () => {
    expect(await verify()).toEqual({
      jkt: expect.stringMatching(/^[\w-]{43}$/),
      id: await hashOf('once'),
      nonce: undefined,
      endsAt: NOW + 90,
    })
    expect((await verify({}, { nonce: 'n' })).nonce).toBe('n')
  })

  it('a DPoP proof of another type is refused', async () => {
    for (const typ of ['jwt', 'wpt+jwt', 'at+jwt', '', 7, undefined])
      expect(await stepOf({ typ })).toBe('token-invalid typ')
    expect(await verify({ typ: 'application/DPoP+jwt' })).toBeDefined()
  })

  it('a DPoP proof by another algorithm than ES256 or Ed25519 is refused', async () => {
    for (const alg of ['none', 'HS256', 'RS256', 'es256', undefined, 7])
      expect(await stepOf({ alg })).toBe('token-invalid alg')
  })

  it('a DPoP proof with an unknown member in its header is refused', async () => {
    for (const name of ['crit', 'jku', 'x5u', 'x5c', 'b64', 'zip'])
      expect(await stepOf({ [name]: ['x'] })).toBe('token-invalid header')
  })

  it('a DPoP proof without a public key is refused', async () => {
    for (const bad of [undefined, 'key', [], key, { ...jwk, k: 'AA' }])
      expect(await stepOf({ jwk: bad })).toBe('token-invalid jwk')
  })

  it('a DPoP proof whose key does not fit its algorithm is refused', async () => {
    const other = publicJwk(await generateKey({ alg: 'Ed25519' }))
    expect(await stepOf({ jwk: other })).toBe('token-invalid jwk')
    expect(await stepOf({ alg: 'EdDSA' })).toBe('token-invalid jwk')
    expect(await stepOf({ jwk: { kty: 'EC', crv: 'P-256', x: jwk.x } })).toBe('token-invalid jwk')
  })

  it('a DPoP proof whose key is no point of its curve is refused', async () => {
    expect(await stepOf({ jwk: { ...jwk, y: jwk.x } })).toBe('token-invalid jwk')
  })

  it('a DPoP proof whose signature does not hold under the key it names is refused', async () => {
    const { kid: _kid, ...other } = publicJwk(await generateKey({ alg: 'ES256' }))
    expect(await stepOf({ jwk: other })).toBe('token-invalid signature')
    const good = await forge(header, claims, key)
    const [head, , signature] = good.split('.')
    const changed = Buffer.from(JSON.stringify({ ...claims, jti: 'twice' })).toString('base64url')
    const { detail } = await refusalOf(() => verifyDpop(`${head}.${changed}.${signature}`, expected()))
    expect(detail.step).toBe('signature')
  })

  it('a DPoP proof without a "jti" of at most 256 characters is refused', async () => {
    for (const jti of [undefined, '', 7, 'a'.repeat(257)]) expect(await stepOf({}, { jti })).toBe('token-invalid jti')
    expect(await verify({}, { jti: 'a'.repeat(256) })).toBeDefined()
  })

  it('a DPoP proof for another method is refused', async () => {
    for (const htm of ['GET', 'post', undefined, ['POST']]) expect(await stepOf({}, { htm })).toBe('token-invalid htm')
  })

  it('a DPoP proof for another URL is refused', async () => {
    for (const htu of [
      'https://ledger.test/',
      'https://ledger.test/entries/',
      'https://ledger.test/Entries',
      'http://ledger.test/entries',
      'https://ledger.test:8443/entries',
      'https://other.test/entries',
      'https://a@ledger.test/entries',
      'wss://ledger.test/entries',
      '/entries',
      '',
      7,
      undefined,
    ])
      expect([htu, await stepOf({}, { htu })]).toEqual([htu, 'token-invalid htu'])
    for (const htu of [`${url}?a=1`, `${url}#a`, 'HTTPS://LEDGER.test:443/x/../entries'])
      expect(await verify({}, { htu })).toBeDefined()
  })

  it('a DPoP proof that was made too long ago or is of the future is refused', async () => {
    for (const iat of [NOW - 91, NOW + 31, undefined, `${NOW}`, Number.MAX_VALUE])
      expect([iat, await stepOf({}, { iat })]).toEqual([iat, 'token-invalid iat'])
    for (const iat of [NOW - 90, NOW + 30, NOW - 0.5]) expect(await verify({}, { iat })).toBeDefined()
  })

  it('ends when nobody accepts it any more', async () => {
    const { endsAt } = await verify({}, { iat: NOW - 0.5 })
    expect(await stepOf({}, { iat: NOW - 0.5 }, { nowSeconds: endsAt + 1 })).toBe('token-invalid iat')
    expect(endsAt).toBeGreaterThanOrEqual(NOW + 89.5)
  })

  it('a DPoP proof for another access token is refused', async () => {
    for (const ath of [await hashOf('other'), undefined, '', 7])
      expect(await stepOf({}, { ath })).toBe('token-invalid ath')
  })

  it('a DPoP proof whose "nonce" is no text is refused', async () => {
    for (const nonce of [7, null, ['n'], {}]) expect(await stepOf({}, { nonce })).toBe('token-invalid nonce')
  })

  it('that lacks a claim it needs is refused', async () => {
    for (const name of ['jti', 'htm', 'htu', 'iat', 'ath'])
      expect(await stepOf({}, without(name))).toBe(`token-invalid ${name}`)
  })

  it('in another spelling is refused', async () => {
    const good = await forge(header, claims, key)
    for (const bad of [`${good}=`, ` ${good}`, `${good},${good}`, `${good}.`, ''])
      expect((await refusalOf(() => verifyDpop(bad, expected()))).code).toBe('token-malformed')
  })
})

describe('the examples of RFC 9449', () => {
  const path = join(
    process.env.COUNTERSIGN_VECTORS ?? join(import.meta.dirname, '../../../shared/vectors'),
    'tokens-vectors.json',
  )
  const { dpop } = JSON.parse(readFileSync(path, 'utf8')) as {
    dpop: { proofs: { proof: string; jkt: string }[]; access_token: string; ath: string }
  }

  it('hashes the access token as they do', async () => {
    expect(await hashOf(dpop.access_token)).toBe(dpop.ath)
  })

  it('holds for each proof but for what only one made for a resource has', async () => {
    const results = []
    for (const { proof, jkt } of dpop.proofs) {
      const { htm, htu, iat } = JSON.parse(Buffer.from(proof.split('.')[1] ?? '', 'base64url').toString()) as {
        htm: string
        htu: string
        iat: number
      }
      const given = expected({ method: htm, isTarget: (one) => one === htu, token: dpop.access_token, nowSeconds: iat })
      const outcome = await verifyDpop(proof, given).catch((error) => error.detail.step)
      results.push(typeof outcome === 'string' ? outcome : outcome.jkt === jkt)
    }
    // The first carries the end of a Markdown fence that is no part of it; those for the token endpoint have no "ath".
    expect(dpop.proofs[0]?.proof).toBe(`${dpop.proofs[1]?.proof}\n\`\`\``)
    expect(results).toEqual(['segments', 'ath', 'ath', true])
  })
})
