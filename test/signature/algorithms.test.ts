import { describe, expect, it } from 'vitest'
import { toBase64url } from '../../src/core/base64url.ts'
import { utf8 } from '../../src/core/bytes.ts'
import type { Jwk } from '../../src/crypto/primitives.ts'
import { signerOf, verifierOf } from '../../src/signature/algorithms.ts'
import { freshKey, publicHalf } from './exchange.ts'

const base = utf8('base')
const secret = Uint8Array.from({ length: 32 }, (_, i) => i)
const oct: Jwk = { kty: 'oct', k: toBase64url(secret), alg: 'HS256' }

describe('signature algorithms', () => {
  it('follow from the key alone', async () => {
    const algorithms = async (key: Jwk | Uint8Array) => [
      (await signerOf(key)).algorithm,
      (await verifierOf(key)).algorithm,
    ]
    expect(await algorithms(freshKey('ES256'))).toEqual(['ecdsa-p256-sha256', 'ecdsa-p256-sha256'])
    expect(await algorithms(freshKey('Ed25519'))).toEqual(['ed25519', 'ed25519'])
    expect(await algorithms(secret)).toEqual(['hmac-sha256', 'hmac-sha256'])
    expect(await algorithms(oct)).toEqual(['hmac-sha256', 'hmac-sha256'])
  })

  it('sign what they verify, and nothing else', async () => {
    for (const key of [freshKey('ES256'), freshKey('Ed25519'), secret, oct]) {
      const signature = await (await signerOf(key)).sign(base)
      const verifier = await verifierOf(key instanceof Uint8Array || key.kty === 'oct' ? key : publicHalf(key))
      expect(await verifier.verify(base, signature)).toBe(true)
      expect(await verifier.verify(utf8('other'), signature)).toBe(false)
      expect(await verifier.verify(base, signature.slice(1))).toBe(false)
      expect(await verifier.verify(base, new Uint8Array(signature.length))).toBe(false)
    }
  })

  it('import a key once', () => {
    const key = freshKey()
    expect(signerOf(key)).toBe(signerOf(key))
    expect(verifierOf(key)).toBe(verifierOf(key))
  })

  it('a shared secret of less than 256 bits is refused', async () => {
    for (const key of [secret.slice(1), { ...oct, k: toBase64url(secret.slice(1)) }]) {
      await expect(async () => signerOf(key)).rejects.toMatchObject({ code: 'key-invalid' })
      await expect(async () => verifierOf(key)).rejects.toMatchObject({ code: 'key-invalid' })
    }
  })

  it('a shared secret that says it is for another algorithm than HS256 is refused', async () => {
    for (const alg of ['HS512', 'ES256', 'A256KW']) {
      await expect(async () => verifierOf({ ...oct, alg })).rejects.toMatchObject({ code: 'key-invalid' })
    }
  })

  it('take no other key', async () => {
    const keys: Jwk[] = [
      { kty: 'RSA', n: 'AQAB', e: 'AQAB' },
      { kty: 'oct' },
      { kty: 'oct', k: 'AA==' },
      { kty: 'none' },
    ]
    for (const key of keys) await expect(async () => verifierOf(key)).rejects.toMatchObject({ code: 'key-invalid' })
    await expect(async () => signerOf(publicHalf(freshKey()))).rejects.toMatchObject({ code: 'key-invalid' })
  })
})
