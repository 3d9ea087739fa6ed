import { describe, expect, it } from 'vitest'
import { toBase64url } from '../../src/core/base64url.ts'
import { utf8 } from '../../src/core/bytes.ts'
import { randomBytes } from '../../src/core/random.ts'
import { suiteOfKey } from '../../src/crypto/suites.ts'
import { generateKey, publicJwk } from '../../src/keys/jwk.ts'
import { refusalOf } from '../core/refusal.ts'
import { backends } from './backends.ts'

const codeOf = async (attempt: () => unknown) => (await refusalOf(attempt)).code

describe('the guards of every implementation', () => {
  it("a private key whose public half is another key's is refused", async () => {
    for (const alg of ['ES256', 'Ed25519', 'P-256', 'X25519'] as const) {
      const [jwk, other] = [await generateKey({ alg }), await generateKey({ alg })]
      const mixed = { ...publicJwk(other), d: String(jwk.d) }
      for (const [name, primitives] of backends) {
        const attempt = () =>
          alg === 'P-256' || alg === 'X25519'
            ? primitives.agreementKey(alg, mixed)
            : primitives.signingKey(suiteOfKey(jwk), mixed)
        expect(await codeOf(attempt), `${alg} ${name}`).toBe('key-invalid')
      }
    }
  })

  it('an AES key of another size than 256 bits is refused', async () => {
    for (const [name, primitives] of backends) {
      for (const size of [0, 16, 24, 31, 33, 64]) {
        expect(await codeOf(() => primitives.aeadKey(randomBytes(size))), `${size} ${name}`).toBe('key-invalid')
      }
    }
  })

  it('an AES-GCM nonce of another size than 96 bits is refused', async () => {
    for (const [name, primitives] of backends) {
      const key = await primitives.aeadKey(randomBytes(32))
      for (const size of [0, 8, 11, 13, 16]) {
        const nonce = randomBytes(size)
        const [encrypt, decrypt] = [
          () => primitives.encrypt(key, nonce, utf8('a'), utf8('')),
          () => primitives.decrypt(key, nonce, randomBytes(17), utf8('')),
        ]
        expect([await codeOf(encrypt), await codeOf(decrypt)], name).toEqual(['key-invalid', 'key-invalid'])
      }
    }
  })

  it('a signature of another size than 64 bytes does not verify', async () => {
    for (const alg of ['ES256', 'Ed25519'] as const) {
      const jwk = await generateKey({ alg })
      for (const [name, primitives] of backends) {
        const key = await primitives.verifyingKey(suiteOfKey(jwk), publicJwk(jwk))
        for (const size of [0, 32, 63, 65, 70, 72, 128]) {
          expect(await primitives.verify(key, utf8('a'), randomBytes(size)), `${alg} ${size} ${name}`).toBe(false)
        }
      }
    }
  })

  it('an all-zero X25519 secret is refused', async () => {
    const jwk = await generateKey({ alg: 'X25519' })
    const one = new Uint8Array(32).with(0, 1)
    for (const [name, primitives] of backends) {
      const key = await primitives.agreementKey('X25519', jwk)
      for (const point of [new Uint8Array(32), one]) expect(await primitives.agree(key, point), name).toBeUndefined()
    }
  })

  it('an error shows nothing of a key', async () => {
    const d = toBase64url(randomBytes(32))
    for (const [, primitives] of backends) {
      const suite = suiteOfKey(await generateKey({ alg: 'ES256' }))
      const jwk = { kty: 'EC', crv: 'P-256', x: toBase64url(randomBytes(32)), y: toBase64url(randomBytes(32)), d }
      const error = await refusalOf(() => primitives.signingKey(suite, jwk))
      expect(error.code).toBe('key-invalid')
      expect(error.message + String(error.cause) + JSON.stringify(error.detail)).not.toContain(d)
    }
  })
})
