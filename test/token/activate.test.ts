import { beforeAll, describe, expect, it } from 'vitest'
import { primitives } from '#crypto'
import { utf8 } from '../../src/core/bytes.ts'
import type { Jwk } from '../../src/crypto/primitives.ts'
import type { Credentials } from '../../src/keys/credentials.ts'
import { generateKey, publicJwk, thumbprint } from '../../src/keys/jwk.ts'
import { activate } from '../../src/token/activate.ts'
import { mintWit } from '../../src/token/mint-wit.ts'
import { SEAL_CLAIM } from '../../src/token/named-keys.ts'
import { createTokenVerifier } from '../../src/token/verify-wit.ts'
import { clockAt, domain, failureOf, forge, type Json, NOW, ORDERS, trustOf } from './fixtures.ts'

let acme: Awaited<ReturnType<typeof domain>>

beforeAll(async () => {
  acme = await domain()
})

const make = (credentials: Credentials) =>
  activate(credentials, { id: ORDERS, clock: clockAt(), lifetimeSeconds: 3600 })
const verify = (token: string, trust = acme.trust) =>
  createTokenVerifier({ clock: clockAt(), toleranceSeconds: 0 }).verify(token, trust)

async function issuedWith(claims: Json, header: Json = acme.header) {
  const { exp, iat, jti, cnf, sub } = acme.claims
  return forge(header, { exp, iat, jti, cnf, sub, ...claims }, acme.anchor)
}

describe('activate without a token', () => {
  it('mints a token whose key is fresh and signs', async () => {
    const credentials = { keys: [acme.anchor, acme.seal] }
    const [one, two] = await Promise.all([make(credentials), make(credentials)])
    const verified = await verify(one.credential.token)
    expect(one).toMatchObject({ renewAt: (NOW + 2400) * 1000, credentials })
    expect(one.credential).toMatchObject({
      keyId: 'anchor-1',
      tokenId: verified.tokenId,
      expiresAt: (NOW + 3600) * 1000,
      suite: { name: 'ES256' },
      sealKeyId: verified.sealKey?.kid,
    })
    const data = utf8('data')
    const signature = await primitives.sign(one.credential.signingKey, data)
    expect(await primitives.verify(verified.proofKey, data, signature)).toBe(true)
    expect(verified.proofKeyId).not.toBe((await verify(two.credential.token)).proofKeyId)
    expect(verified.proofKeyId).not.toBe(await thumbprint(acme.anchor))
  })

  it('names the first seal key, and none where there is none', async () => {
    const second = await generateKey({ alg: 'P-256' })
    const { credential, sealKeys } = await make({ keys: [second, acme.anchor, acme.seal] })
    expect(credential.sealKeyId).toBe(await thumbprint(second))
    expect(sealKeys).toHaveLength(2)
    const plain = await make({ keys: [acme.anchor] })
    expect(plain.credential).not.toHaveProperty('sealKeyId')
    expect((await verify(plain.credential.token)).sealKey).toBeUndefined()
  })

  it('signs by Ed25519 where the key that vouches does', async () => {
    const anchor = await generateKey({ alg: 'Ed25519', kid: 'anchor-2' })
    const { credential } = await make({ keys: [anchor] })
    expect(credential).toMatchObject({ keyId: 'anchor-2', suite: { name: 'Ed25519' } })
    const trust = await trustOf({ trust_domains: { 'acme.test': { keys: [publicJwk(anchor)] } } })
    expect(await verify(credential.token, trust)).toMatchObject({ suite: { name: 'Ed25519' } })
  })

  it('credentials with a signing key whose halves do not belong together are refused', async () => {
    for (const alg of ['ES256', 'Ed25519'] as const) {
      const [one, other] = [await generateKey({ alg }), await generateKey({ alg })]
      const key: Jwk = { ...one, d: other.d ?? '' }
      const error = await failureOf(() => make({ keys: [key] }))
      expect(error).toMatchObject({ code: 'credentials-invalid', detail: { option: 'keys' } })
    }
    expect(await failureOf(() => make({ keys: [acme.seal] }))).toMatchObject({ code: 'credentials-invalid' })
  })
})

describe('activate with a token', () => {
  it('takes the token and its key as they are', async () => {
    const token = await issuedWith({ [SEAL_CLAIM]: publicJwk(acme.seal) })
    const { credential, renewAt } = await make({ keys: [acme.proof, acme.seal], token })
    const sealKeyId = await thumbprint(acme.seal)
    expect(credential).toMatchObject({ token, tokenId: 'token-1', keyId: 'anchor-1', sealKeyId })
    expect(credential.expiresAt).toBe((NOW + 3600) * 1000)
    expect(renewAt).toBe((NOW + 2400) * 1000)
    const { proofKey } = await verify(token)
    const signature = await primitives.sign(credential.signingKey, utf8('data'))
    expect(await primitives.verify(proofKey, utf8('data'), signature)).toBe(true)
  })

  it('counts the life of a token that does not say when it began from now', async () => {
    const token = await issuedWith({ iat: undefined, jti: undefined })
    const { credential, renewAt } = await make({ keys: [acme.proof], token })
    expect(renewAt).toBe((NOW + 2400) * 1000)
    expect(credential).not.toHaveProperty('tokenId')
  })

  it('calls a token without "kid" by its proof key', async () => {
    const { kid: _, ...header } = acme.header
    const token = await issuedWith({ sub: 'wimse://acme.test/orders' }, header)
    const context = { id: 'wimse://acme.test/orders', clock: clockAt(), lifetimeSeconds: 3600 }
    const { credential } = await activate({ keys: [acme.proof], token }, context)
    expect(credential.keyId).toBe(await thumbprint(acme.proof))
  })

  it('an issued token that names another workload is refused', async () => {
    const token = await issuedWith({ sub: 'spiffe://acme.test/ledger' })
    const error = await failureOf(() => make({ keys: [acme.proof], token }))
    expect(error).toMatchObject({ code: 'credentials-invalid', detail: { option: 'token' } })
    expect((error as Error).message).toContain(`another workload than ${ORDERS}`)
  })

  it('an issued token that names another key than the one it came with is refused', async () => {
    const token = await issuedWith({})
    for (const alg of ['ES256', 'Ed25519'] as const) {
      const error = await failureOf(async () => make({ keys: [await generateKey({ alg }), acme.proof], token }))
      expect(error).toMatchObject({ code: 'credentials-invalid' })
      expect((error as Error).message).toContain('another key')
    }
  })

  it('an issued token that names a seal key that was not given is refused', async () => {
    const token = await issuedWith({ [SEAL_CLAIM]: publicJwk(acme.seal) })
    for (const keys of [[acme.proof], [acme.proof, await generateKey({ alg: 'X25519' })]]) {
      const error = await failureOf(() => make({ keys, token }))
      expect(error).toMatchObject({ code: 'credentials-invalid' })
      expect((error as Error).message).toContain('seal key')
    }
  })

  it('an issued token that no peer would accept is refused', async () => {
    const { kid: _, ...header } = acme.header
    const good = await issuedWith({})
    const cases: [string, string][] = [
      ['marker-7f3a', 'segments'],
      [`${good}=`, 'segments'],
      [await issuedWith({}, { ...acme.header, typ: 'JWT' }), 'typ'],
      [await issuedWith({}, header), 'kid'],
      [await issuedWith({ aud: 'marker-7f3a' }), 'aud'],
      [await issuedWith({ sub: 'marker-7f3a' }), 'sub'],
      [await issuedWith({ exp: NOW - 31 }), 'exp'],
      [await issuedWith({ nbf: NOW + 31 }), 'nbf'],
      [await issuedWith({ exp: NOW + 100_000 }), 'lifetime'],
      [await issuedWith({ cnf: { jwk: { ...acme.cnf, d: 'marker-7f3a' } } }), 'cnf'],
      [await issuedWith({ [SEAL_CLAIM]: 'marker-7f3a' }), 'seal'],
    ]
    for (const [token, step] of cases) {
      const error = (await failureOf(() => make({ keys: [acme.proof], token }))) as Error & { detail: object }
      expect(error).toMatchObject({ code: 'credentials-invalid', detail: { option: 'token' } })
      expect(error.message).toContain(`(${step})`)
      const shown = [error.message, error.stack, JSON.stringify(error), JSON.stringify(error.detail)].join()
      expect(shown).not.toContain('marker-7f3a')
      expect(shown).not.toContain(acme.proof.d)
      expect(error.cause).toBeUndefined()
    }
  })

  it('takes what mintWit mints', async () => {
    const { anchor: key, proof: proofKey, seal: sealKey } = acme
    const { token } = await mintWit({ id: ORDERS, key, proofKey, sealKey, lifetimeSeconds: 60, clock: clockAt() })
    expect(await make({ keys: [proofKey, sealKey], token })).toMatchObject({ renewAt: (NOW + 40) * 1000 })
  })
})
