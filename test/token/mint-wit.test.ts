import { beforeAll, describe, expect, it } from 'vitest'
import type { Jwk } from '../../src/crypto/primitives.ts'
import { generateKey, publicJwk, thumbprint } from '../../src/keys/jwk.ts'
import { gateToken } from '../../src/token/gate.ts'
import { mintWit } from '../../src/token/mint-wit.ts'
import { SEAL_CLAIM } from '../../src/token/named-keys.ts'
import { createTokenVerifier } from '../../src/token/verify-wit.ts'
import { clockAt, domain, failureOf, NOW, ORDERS, trustOf } from './fixtures.ts'

let acme: Awaited<ReturnType<typeof domain>>

beforeAll(async () => {
  acme = await domain()
})

function mint(more: object = {}) {
  const { anchor: key, proof: proofKey } = acme
  return mintWit({ id: ORDERS, key, proofKey, lifetimeSeconds: 3600, clock: clockAt(), ...more })
}

describe('mintWit', () => {
  it('mints what a verifier accepts', async () => {
    const { token, tokenId, expiresAt } = await mint({ sealKey: acme.seal, issuer: 'https://ids.test' })
    expect(expiresAt).toBe((NOW + 3600) * 1000)
    const { header, claims } = gateToken(token)
    expect(header).toEqual({ alg: 'ES256', kid: 'anchor-1', typ: 'wit+jwt' })
    const { kty, crv, x, y } = acme.proof
    expect(claims).toEqual({
      iss: 'https://ids.test',
      sub: ORDERS,
      iat: NOW,
      exp: NOW + 3600,
      jti: tokenId,
      cnf: { jwk: { kty, crv, x, y, alg: 'ES256' } },
      [SEAL_CLAIM]: { kty: 'OKP', crv: 'X25519', x: acme.seal.x, use: 'enc' },
    })
    const tokens = createTokenVerifier({ clock: clockAt(), toleranceSeconds: 0 })
    expect(await tokens.verify(token, acme.trust)).toMatchObject({
      tokenId,
      expiresAt,
      proofKeyId: await thumbprint(acme.proof),
      sealKey: { kid: await thumbprint(acme.seal) },
    })
  })

  it('names each token anew, in 128 bits', async () => {
    const names = await Promise.all([mint(), mint()])
    expect(names[0].tokenId).not.toBe(names[1].tokenId)
    expect(names[0].tokenId).toHaveLength(22)
  })

  it('calls an algorithm what the key calls it', async () => {
    const { alg: _, ...plain } = await generateKey({ alg: 'Ed25519', kid: 'anchor-2' })
    for (const [alg, written] of [
      ['Ed25519', 'Ed25519'],
      ['EdDSA', 'EdDSA'],
      [undefined, 'EdDSA'],
    ] as const) {
      const key: Jwk = alg === undefined ? plain : { ...plain, alg }
      const { token } = await mint({ key })
      expect(gateToken(token).header).toMatchObject({ alg: written })
      const trust = await trustOf({ trust_domains: { 'acme.test': { keys: [publicJwk(key)] } } })
      const tokens = createTokenVerifier({ clock: clockAt(), toleranceSeconds: 0 })
      expect(await tokens.verify(token, trust)).toMatchObject({ keyId: 'anchor-2' })
    }
  })

  it('a token is not minted for longer than a day', async () => {
    await expect(mint({ lifetimeSeconds: 86_400 })).resolves.toMatchObject({ expiresAt: (NOW + 86_400) * 1000 })
    for (const lifetimeSeconds of [86_401, 0, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      await expect(mint({ lifetimeSeconds })).rejects.toMatchObject({ code: 'option-invalid' })
    }
  })

  it('a token is not minted by a key without a name', async () => {
    const { kid: _, ...key } = acme.anchor
    await expect(mint({ key })).rejects.toMatchObject({ code: 'key-invalid' })
  })

  it('a token is not minted by a public key', async () => {
    await expect(mint({ key: publicJwk(acme.anchor) })).rejects.toMatchObject({
      code: 'key-invalid',
      detail: { fix: 'give the private key' },
    })
  })

  it('shows nothing of a key in its errors', async () => {
    for (const d of ['marker-7f3a', `marker-7f3a${acme.anchor.d?.slice(11)}`]) {
      const error = (await failureOf(() => mint({ key: { ...acme.anchor, d } }))) as Error & { detail: object }
      expect(error).toMatchObject({ code: 'key-invalid' })
      expect([error.message, error.stack, JSON.stringify(error), JSON.stringify(error.detail)].join()).not.toContain(
        'marker',
      )
      expect(error.cause).toBeUndefined()
    }
  })
})
