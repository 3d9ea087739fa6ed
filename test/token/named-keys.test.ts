import { beforeAll, describe, expect, it } from 'vitest'
import type { Jwk } from '../../src/crypto/primitives.ts'
import { generateKey, publicJwk, thumbprint } from '../../src/keys/jwk.ts'
import { isSameKey, readProofKey, readSealKey, SEAL_CLAIM } from '../../src/token/named-keys.ts'
import type { Json } from './fixtures.ts'

const refused = (step: string) =>
  expect.objectContaining({ code: 'token-invalid', detail: { step, keyId: 'anchor-1' } })
const without = (jwk: Jwk, ...names: string[]): Json =>
  Object.fromEntries(Object.entries(jwk).filter(([name]) => !names.includes(name)))

let es256: Jwk
let ed25519: Jwk
let p256: Jwk
let x25519: Jwk

beforeAll(async () => {
  es256 = await generateKey({ alg: 'ES256' })
  ed25519 = await generateKey({ alg: 'Ed25519' })
  p256 = await generateKey({ alg: 'P-256' })
  x25519 = await generateKey({ alg: 'X25519' })
})

describe('readProofKey', () => {
  const read = (jwk: unknown) => readProofKey({ cnf: { jwk } }, 'anchor-1')

  it('gives the key, its suite and its thumbprint', async () => {
    const proof = await read({ ...publicJwk(es256), kid: 'another name', use: 'sig' })
    expect(proof).toMatchObject({ suite: { name: 'ES256' }, keyId: await thumbprint(es256) })
    expect(Object.keys(proof.jwk)).toEqual(['kty', 'crv', 'x', 'y'])
    for (const alg of ['EdDSA', 'Ed25519']) {
      expect(await read({ ...publicJwk(ed25519), alg })).toMatchObject({ suite: { name: 'Ed25519' } })
    }
  })

  it('a token without a key in "cnf" is refused', async () => {
    for (const cnf of [undefined, null, 'x', [], {}, { jwk: null }, { jwk: 'x' }, { jwk: [] }, { jkt: 'x' }]) {
      await expect(readProofKey({ cnf }, 'anchor-1')).rejects.toThrow(refused('cnf'))
    }
  })

  it('a token whose "cnf" key has private members is refused', async () => {
    await expect(read(es256)).rejects.toThrow(refused('cnf'))
    for (const name of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']) {
      await expect(read({ ...publicJwk(es256), [name]: 'AA' }), name).rejects.toThrow(refused('cnf'))
    }
  })

  it('a token whose "cnf" key names no algorithm for proofs is refused', async () => {
    for (const alg of [undefined, 'none', 'HS256', 'ES384', 'RS256', 'ECDH-ES', 'es256', ['ES256'], null]) {
      await expect(read({ ...publicJwk(es256), alg }), String(alg)).rejects.toThrow(refused('cnf'))
    }
    await expect(read(without(publicJwk(es256), 'alg'))).rejects.toThrow(refused('cnf'))
  })

  it('a token whose "cnf" key is for encryption is refused', async () => {
    await expect(read({ ...publicJwk(p256), alg: 'ES256' })).rejects.toThrow(refused('cnf'))
  })

  it('a token whose "cnf" key does not fit its "alg" is refused', async () => {
    const key = publicJwk(es256)
    const cases: Json[] = [
      { ...key, alg: 'EdDSA' },
      { ...publicJwk(ed25519), alg: 'ES256' },
      { ...key, crv: 'P-384' },
      { ...key, kty: 'OKP' },
      { kty: 'RSA', n: 'AQ', e: 'AQAB', alg: 'ES256' },
      { kty: 'oct', alg: 'ES256' },
      { ...without(x25519, 'use', 'd'), alg: 'EdDSA' },
      without(key, 'x'),
      without(key, 'y'),
      without(key, 'crv'),
      without(key, 'kty'),
      { ...key, x: `${key.x}=` },
      { ...key, y: ` ${key.y}` },
      { ...key, x: 'AA' },
      { ...key, x: `${key.x}AAAA` },
      { ...key, x: 1 },
    ]
    for (const jwk of cases) await expect(read(jwk), JSON.stringify(jwk)).rejects.toThrow(refused('cnf'))
  })

  it('a token whose "cnf" key is no point of its curve is refused', async () => {
    const { x, y } = es256
    await expect(read({ ...publicJwk(es256), x: y, y: x })).rejects.toThrow(refused('cnf'))
  })
})

describe('readSealKey', () => {
  const read = (jwk: unknown) => readSealKey({ [SEAL_CLAIM]: jwk }, 'anchor-1')

  it('gives the public key under its thumbprint, whatever the token calls it', async () => {
    for (const key of [p256, x25519]) {
      const { kty, crv, x, y } = key
      const kid = await thumbprint(key)
      const expected = y === undefined ? { kty, crv, x, use: 'enc', kid } : { kty, crv, x, y, use: 'enc', kid }
      expect(await read({ ...publicJwk(key), kid: 'another name', alg: 'ECDH-ES' })).toEqual(expected)
    }
    expect(await readSealKey({}, 'anchor-1')).toBeUndefined()
  })

  it('a token whose seal key has private members is refused', async () => {
    for (const jwk of [p256, x25519, { ...publicJwk(x25519), k: 'AA' }, null, 'x', [], 1, undefined]) {
      await expect(read(jwk)).rejects.toThrow(refused('seal'))
    }
  })

  it('a token whose seal key is not meant for encryption is refused', async () => {
    await expect(read(without(publicJwk(p256), 'use'))).rejects.toThrow(refused('seal'))
    await expect(read({ ...publicJwk(p256), use: 'sig' })).rejects.toThrow(refused('seal'))
    await expect(read({ ...publicJwk(p256), alg: 'ES256' })).rejects.toThrow(refused('seal'))
  })

  it('a token whose seal key is not on P-256 or X25519 is refused', async () => {
    const cases: Json[] = [
      { ...without(ed25519, 'd', 'alg'), use: 'enc' },
      { ...publicJwk(p256), crv: 'P-384' },
      { ...publicJwk(p256), crv: 'X25519' },
      { ...publicJwk(x25519), crv: 'P-256' },
      { ...publicJwk(x25519), crv: 'constructor' },
      { ...publicJwk(x25519), x: `${x25519.x}=` },
      without(publicJwk(p256), 'y'),
    ]
    for (const jwk of cases) await expect(read(jwk), JSON.stringify(jwk)).rejects.toThrow(refused('seal'))
  })
})

describe('isSameKey', () => {
  it('takes a point and its mirror image for one key', () => {
    expect(isSameKey(es256, { ...es256, y: 'another' })).toBe(true)
    expect(isSameKey(es256, p256)).toBe(false)
  })
})
