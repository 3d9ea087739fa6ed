import { afterEach, describe, expect, it, vi } from 'vitest'
import { fromBase64url } from '../../src/core/base64url.ts'
import { primitives } from '../../src/crypto/node.ts'
import type { Jwk } from '../../src/crypto/primitives.ts'
import { suiteOfKey } from '../../src/crypto/suites.ts'
import { generateKey, hasPrivateMembers, keyIdentity, publicJwk, thumbprint } from '../../src/keys/jwk.ts'
import { refusal, refusalOf } from '../core/refusal.ts'

// RFC 7638 §3.1
const rsa: Jwk = {
  kty: 'RSA',
  n: '0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw',
  e: 'AQAB',
  alg: 'RS256',
  kid: '2011-04-29',
}

afterEach(() => {
  vi.restoreAllMocks()
})

describe('thumbprint', () => {
  it('is the published one (RFC 7638 §3.1, RFC 8037 appendix A.3)', async () => {
    expect(await thumbprint(rsa)).toBe('NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs')
    const ed25519 = { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' }
    expect(await thumbprint(ed25519)).toBe('kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k')
  })

  it('depends on what the key is and on nothing else', async () => {
    const jwk = await generateKey({ alg: 'ES256' })
    expect(await thumbprint({ ...publicJwk(jwk), kid: 'x', use: 'sig' })).toBe(await thumbprint(jwk))
    expect(keyIdentity(jwk)).not.toContain('"d"')
  })

  it('refuses what is no key', () => {
    for (const jwk of [{ kty: 'EC', crv: 'P-256', x: 'x' }, { kty: 'none' }, { kty: '__proto__' }]) {
      expect(refusal(() => keyIdentity(jwk)).code).toBe('key-invalid')
    }
  })
})

describe('generateKey', () => {
  it.each(['ES256', 'Ed25519'] as const)('makes a key that signs: %s', async (alg) => {
    const jwk = await generateKey({ alg })
    expect(jwk).toMatchObject({ alg, kid: await thumbprint(jwk) })
    expect(Object.keys(jwk).sort()).toEqual(['alg', 'crv', 'd', 'kid', 'kty', 'x', ...(alg === 'ES256' ? ['y'] : [])])
    const suite = suiteOfKey(jwk)
    const data = Uint8Array.of(1)
    const signature = await primitives.sign(await primitives.signingKey(suite, jwk), data)
    expect(await primitives.verify(await primitives.verifyingKey(suite, publicJwk(jwk)), data, signature)).toBe(true)
  })

  it.each(['P-256', 'X25519'] as const)('makes a recipient key: %s', async (alg) => {
    const jwk = await generateKey({ alg })
    expect(jwk).toMatchObject({ crv: alg, use: 'enc', kid: await thumbprint(jwk) })
    expect(jwk.alg).toBeUndefined()
    await primitives.agreementKey(alg, jwk)
  })

  it('makes a keyring key whose name says nothing of it', async () => {
    const jwk = await generateKey({ alg: 'A256KW' })
    expect(jwk).toMatchObject({ kty: 'oct', alg: 'A256KW' })
    expect(fromBase64url(jwk.k ?? '')).toHaveLength(32)
    expect(jwk.kid).toMatch(/^[A-Za-z0-9_-]{22}$/)
    expect(jwk.kid).not.toBe(await thumbprint(jwk))
  })

  it('takes a name, and makes no key twice', async () => {
    expect((await generateKey({ alg: 'Ed25519', kid: 'k1' })).kid).toBe('k1')
    const made = await Promise.all(Array.from({ length: 5 }, () => generateKey({ alg: 'X25519' })))
    expect(new Set(made.map((jwk) => jwk.d)).size).toBe(5)
  })

  it('makes keys on curves that the runtime lacks', async () => {
    vi.spyOn(crypto.subtle, 'generateKey').mockRejectedValue(new DOMException('no', 'NotSupportedError'))
    const [sign, agree] = [await generateKey({ alg: 'Ed25519' }), await generateKey({ alg: 'X25519' })]
    await primitives.signingKey(suiteOfKey(sign), sign)
    await primitives.agreementKey('X25519', agree)
    expect([sign.alg, agree.use]).toEqual(['Ed25519', 'enc'])
  })

  it('a key for an unknown algorithm is not made', async () => {
    for (const alg of ['RS256', 'HS256', 'toString', '__proto__', undefined]) {
      expect((await refusalOf(() => generateKey({ alg: alg as 'ES256' }))).code).toBe('option-invalid')
    }
  })
})

describe('publicJwk', () => {
  it('leaves no private member', async () => {
    const secret = { d: 's', k: 's', p: 's', q: 's', dp: 's', dq: 's', qi: 's', oth: [], key_ops: ['sign'] }
    expect(publicJwk({ ...rsa, ...secret })).toEqual(rsa)
    for (const member of ['d', 'k', 'p', 'q', 'dp', 'dq', 'qi', 'oth']) {
      expect(hasPrivateMembers({ ...rsa, [member]: undefined }), member).toBe(true)
    }
    expect(hasPrivateMembers(publicJwk(await generateKey({ alg: 'ES256' })))).toBe(false)
  })

  it('a symmetric key has no public half to give away', async () => {
    for (const jwk of [await generateKey({ alg: 'A256KW' }), { kty: '' }]) {
      expect(refusal(() => publicJwk(jwk)).code).toBe('key-invalid')
    }
  })

  it('leaves the key it was given as it was', async () => {
    const jwk = await generateKey({ alg: 'ES256' })
    publicJwk(jwk)
    expect(jwk.d).toBeDefined()
  })
})
