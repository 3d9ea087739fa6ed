import { beforeAll, describe, expect, it } from 'vitest'
import type { Jwk } from '../../src/crypto/primitives.ts'
import { generateKey, publicJwk, thumbprint } from '../../src/keys/jwk.ts'
import { examineWit } from '../../src/token/examine-wit.ts'
import { gateToken } from '../../src/token/gate.ts'
import { SEAL_CLAIM } from '../../src/token/named-keys.ts'
import type { Trust } from '../../src/trust/trust.ts'
import { clockAt, domain, forge, type Json, NOW, ORDERS, trustOf } from './fixtures.ts'

let acme: Awaited<ReturnType<typeof domain>>

beforeAll(async () => {
  acme = await domain()
})

const refused = (code: string, step: string) => expect.objectContaining({ code, detail: { step, keyId: 'anchor-1' } })

async function examine(token: string, trust: Trust = acme.trust) {
  return (await examineWit(token, gateToken(token), { trust, clock: clockAt(), toleranceSeconds: 30 })).verified
}

async function examineClaims(more: Json, trust?: Trust) {
  return examine(await forge(acme.header, { ...acme.claims, ...more }, acme.anchor), trust)
}

describe('examineWit', () => {
  it('gives what a token proves', async () => {
    const claims = {
      ...acme.claims,
      iss: 'https://ids.test',
      [SEAL_CLAIM]: publicJwk(acme.seal),
      'acme.test/zone': 'a',
    }
    const token = await forge(acme.header, claims, acme.anchor)
    const verified = await examine(token)
    expect(verified).toMatchObject({
      token,
      id: { id: ORDERS, trustDomain: 'acme.test' },
      issuer: 'https://ids.test',
      keyId: 'anchor-1',
      tokenId: 'token-1',
      expiresAt: (NOW + 3600) * 1000,
      suite: { name: 'ES256' },
      proofKeyId: await thumbprint(acme.proof),
      sealKey: { kty: 'OKP', crv: 'X25519', x: acme.seal.x, use: 'enc', kid: await thumbprint(acme.seal) },
      claims,
    })
    expect(Object.isFrozen(verified)).toBe(true)
  })

  it('takes a token without issuer, name and seal key', async () => {
    const { sub, exp, cnf } = acme.claims
    const verified = await examine(await forge(acme.header, { sub, exp, cnf }, acme.anchor))
    for (const name of ['issuer', 'tokenId', 'sealKey']) expect(verified).not.toHaveProperty(name)
  })

  it('takes EdDSA and Ed25519 for one algorithm, under SPIFFE too', async () => {
    for (const keyAlg of ['EdDSA', 'Ed25519', undefined]) {
      const { alg: _, ...key } = await generateKey({ alg: 'Ed25519', kid: 'anchor-1' })
      const anchor: Jwk = keyAlg === undefined ? key : { ...key, alg: keyAlg }
      const trust = await trustOf({ trust_domains: { 'acme.test': { keys: [publicJwk(anchor)] } } })
      for (const alg of ['EdDSA', 'Ed25519']) {
        const token = await forge({ ...acme.header, alg }, acme.claims, anchor)
        expect(await examine(token, trust)).toMatchObject({ keyId: 'anchor-1' })
      }
    }
  })

  it('takes an anchor that a SPIFFE bundle marks for workload identity tokens', async () => {
    const key = { ...publicJwk(acme.anchor), use: 'wit-svid' }
    const trust = await trustOf({ trust_domains: { 'acme.test': { keys: [key], spiffe_sequence: 1 } } })
    expect(await examineClaims({}, trust)).toMatchObject({ id: { id: ORDERS } })
  })

  it('a token whose signature does not hold under the trusted key is refused', async () => {
    const invalid = refused('token-invalid', 'signature')
    const other = await generateKey({ alg: 'ES256', kid: 'anchor-1' })
    await expect(examine(await forge(acme.header, acme.claims, other))).rejects.toThrow(invalid)
    const token = await forge(acme.header, acme.claims, acme.anchor)
    const [header = '', claims = '', signature = ''] = token.split('.')
    const other2 = (await forge(acme.header, { ...acme.claims, jti: 'token-2' }, acme.anchor)).split('.')[1]
    await expect(examine(`${header}.${other2}.${signature}`)).rejects.toThrow(invalid)
    await expect(examine(`${header}.${claims}.${signature.slice(0, -6)}`)).rejects.toThrow(invalid)
    await expect(examine(`${header}.${claims}.AAAA${signature.slice(4)}`)).rejects.toThrow(invalid)
    await expect(examine(`${header}.${claims}.AA`)).rejects.toThrow(invalid)
  })

  it('checks the signature before it believes the time', async () => {
    const other = await generateKey({ alg: 'ES256', kid: 'anchor-1' })
    const token = await forge(acme.header, { ...acme.claims, exp: NOW - 3600 }, other)
    await expect(examine(token)).rejects.toThrow(refused('token-invalid', 'signature'))
    await expect(examineClaims({ exp: NOW - 3600 })).rejects.toMatchObject({
      code: 'token-expired',
      detail: { step: 'exp', keyId: 'anchor-1', clockDifferenceSeconds: 3600 },
    })
  })

  it('names the trusted key in every refusal after the signature', async () => {
    const cases: [Json, string][] = [
      [{ exp: undefined }, 'exp'],
      [{ nbf: 'x' }, 'nbf'],
      [{ exp: NOW + 100_000 }, 'lifetime'],
      [{ cnf: { jwk: acme.proof } }, 'cnf'],
      [{ [SEAL_CLAIM]: acme.seal }, 'seal'],
    ]
    for (const [claims, step] of cases)
      await expect(examineClaims(claims)).rejects.toThrow(refused('token-invalid', step))
  })

  it('a token whose seal key is its "cnf" key is refused', async () => {
    const { kty, crv, x, y } = acme.proof
    const seal = { kty, crv, x, y, use: 'enc' }
    await expect(examineClaims({ [SEAL_CLAIM]: seal })).rejects.toThrow(refused('token-invalid', 'one-use'))
  })

  it('a token whose "cnf" key also vouches for tokens is refused', async () => {
    const jwk = { ...publicJwk(acme.anchor), alg: 'ES256' }
    await expect(examineClaims({ cnf: { jwk } })).rejects.toThrow(refused('token-invalid', 'one-use'))
    const second = await generateKey({ alg: 'ES256', kid: 'anchor-2' })
    const keys = [publicJwk(acme.anchor), publicJwk(second)]
    const trust = await trustOf({ trust_domains: { 'acme.test': { keys } } })
    const other = { cnf: { jwk: publicJwk(second) } }
    await expect(examineClaims(other, trust)).rejects.toThrow(refused('token-invalid', 'one-use'))
    expect(await examineClaims(other)).toMatchObject({ id: { id: ORDERS } })
  })

  it('a token whose seal key also vouches for tokens is refused', async () => {
    const { kty, crv, x, y } = acme.anchor
    const seal = { kty, crv, x, y, use: 'enc' }
    await expect(examineClaims({ [SEAL_CLAIM]: seal })).rejects.toThrow(refused('token-invalid', 'one-use'))
  })

  it('a token whose "jti" is not a string is refused', async () => {
    for (const jti of [1, null, ['a'], {}]) {
      await expect(examineClaims({ jti })).rejects.toThrow(refused('token-invalid', 'jti'))
    }
  })

  it('holds a token to the issuers of its trust domain', async () => {
    const keys = [publicJwk(acme.anchor)]
    const trust = await trustOf({ trust_domains: { 'acme.test': { keys, issuers: ['https://ids.test'] } } })
    expect(await examineClaims({ iss: 'https://ids.test' }, trust)).toMatchObject({ issuer: 'https://ids.test' })
    const untrusted = { code: 'token-untrusted', detail: { step: 'iss' } }
    await expect(examineClaims({ iss: 'https://evil.test' }, trust)).rejects.toMatchObject(untrusted)
    await expect(examineClaims({}, trust)).rejects.toMatchObject(untrusted)
  })

  it('a token of a revoked workload is refused', async () => {
    const trust = await trustOf({ ...acme.bundle, revoked: { workloads: [ORDERS] } })
    await expect(examineClaims({}, trust)).rejects.toThrow(refused('token-revoked', 'workload'))
    expect(await examineClaims({ sub: 'spiffe://acme.test/ledger' }, trust)).toMatchObject({ keyId: 'anchor-1' })
  })

  it('a token that was signed by a revoked key or names one is refused', async () => {
    const seal = { [SEAL_CLAIM]: publicJwk(acme.seal) }
    for (const key of ['anchor-1', await thumbprint(acme.proof), await thumbprint(acme.seal)]) {
      const trust = await trustOf({ ...acme.bundle, revoked: { keys: [key] } })
      await expect(examineClaims(seal, trust)).rejects.toThrow(refused('token-revoked', 'key'))
    }
  })

  it('a token whose "jti" was revoked is refused', async () => {
    const trust = await trustOf({ ...acme.bundle, revoked: { tokens: ['token-1'] } })
    await expect(examineClaims({}, trust)).rejects.toThrow(refused('token-revoked', 'token'))
    expect(await examineClaims({ jti: 'token-2' }, trust)).toMatchObject({ tokenId: 'token-2' })
  })
})
