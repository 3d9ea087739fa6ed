import { describe, expect, it } from 'vitest'
import { toBase64url } from '../../src/core/base64url.ts'
import { type Bytes, utf8 } from '../../src/core/bytes.ts'
import { ed25519Pair, signEd25519Sync, verifyEd25519Sync } from '../../src/crypto/curves.ts'
import { isReduced, isSoundPoint } from '../../src/crypto/ed25519-strict.ts'
import { suiteOf } from '../../src/crypto/suites.ts'
import { generateKey, publicJwk } from '../../src/keys/jwk.ts'
import { refusalOf } from '../core/refusal.ts'
import { backends } from './backends.ts'

const P = 2n ** 255n - 19n
const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n

function littleEndian(number: bigint): Bytes {
  return Uint8Array.from({ length: 32 }, (_, i) => Number((number >> BigInt(8 * i)) & 0xffn))
}

const modulo = (number: bigint) => ((number % P) + P) % P

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n
  for (let e = exponent, b = modulo(base); e > 0n; e >>= 1n, b = modulo(b * b)) if (e & 1n) result = modulo(result * b)
  return result
}

const inverse = (number: bigint) => power(number, P - 2n)
const D = modulo(-121665n * inverse(121666n))

/** The y of a doubled point, which on this curve depends on y alone: x² = (y² − 1) / (d·y² + 1). */
function doubledY(y: bigint): bigint {
  const y2 = modulo(y * y)
  const x2 = modulo((y2 - 1n) * inverse(modulo(D * y2 + 1n)))
  return modulo((y2 + x2) * inverse(modulo(2n - (y2 - x2))))
}

const isSmall = (y: bigint) => doubledY(doubledY(doubledY(y))) === 1n

/** The square roots of a number, where it has them (P ≡ 5 mod 8). */
function roots(square: bigint): bigint[] {
  const candidate = power(square, (P + 3n) / 8n)
  const root = [candidate, modulo(candidate * power(2n, (P - 1n) / 4n))].find((r) => modulo(r * r) === modulo(square))
  return root === undefined ? [] : [root, modulo(-root)]
}

/** All y whose points have an order that divides eight, from the curve equation −x² + y² = 1 + d·x²·y². */
function smallOrderY(): bigint[] {
  // Order 1, 2 and 4: y = 1, −1 and 0. Order 8 doubles to y = 0, where x² = −y², so that d·y⁴ + 2·y² − 1 = 0.
  const z = roots(1n + D).flatMap((root) => [-1n + root, -1n - root].map((n) => modulo(n * inverse(D))))
  const eighth = z.flatMap((square) => roots(square))
  return [1n, P - 1n, 0n, ...new Set(eighth)]
}

const signed = (bytes: Bytes) => bytes.with(31, (bytes[31] ?? 0) | 0x80)

describe('strict Ed25519', () => {
  it('an Ed25519 signature whose S is not reduced does not verify', async () => {
    expect([isReduced(littleEndian(ORDER - 1n)), isReduced(littleEndian(0n))]).toEqual([true, true])
    for (const s of [ORDER, ORDER + 1n, 2n ** 253n, 2n ** 256n - 1n]) expect(isReduced(littleEndian(s))).toBe(false)
    expect(isReduced(new Uint8Array(31))).toBe(false)

    const jwk = await generateKey({ alg: 'Ed25519' })
    const pair = ed25519Pair(jwk)
    const signature = signEd25519Sync(pair, utf8('text'))
    const s = signature.slice(32).reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n)
    const second = signature.slice()
    second.set(littleEndian(s + ORDER), 32)
    expect(verifyEd25519Sync(pair.publicKey, utf8('text'), signature)).toBe(true)
    expect(verifyEd25519Sync(pair.publicKey, utf8('text'), second)).toBe(false)
    const suite = suiteOf('Ed25519')
    for (const [name, primitives] of backends) {
      if (suite === undefined) throw new Error('no suite')
      const key = await primitives.verifyingKey(suite, publicJwk(jwk))
      expect(await primitives.verify(key, utf8('text'), second), name).toBe(false)
    }
  })

  it('an Ed25519 key that is not reduced is refused', () => {
    for (let y = P; y < 2n ** 255n; y++) {
      expect(isSoundPoint(littleEndian(y))).toBe(false)
      expect(isSoundPoint(signed(littleEndian(y)))).toBe(false)
    }
    expect(isSoundPoint(littleEndian(P - 2n))).toBe(true)
    expect(isSoundPoint(new Uint8Array(33))).toBe(false)
  })

  it('an Ed25519 key of small order is refused', async () => {
    const small = smallOrderY()
    expect(small).toHaveLength(5)
    const suite = suiteOf('Ed25519')
    for (const y of small) {
      expect(isSmall(y)).toBe(true)
      for (const point of [littleEndian(y), signed(littleEndian(y))]) {
        expect(isSoundPoint(point)).toBe(false)
        expect(verifyEd25519Sync(point, utf8('any'), new Uint8Array(64).with(0, 1))).toBe(false)
        for (const [name, primitives] of backends) {
          if (suite === undefined) throw new Error('no suite')
          const jwk = { kty: 'OKP', crv: 'Ed25519', x: toBase64url(point) }
          expect((await refusalOf(() => primitives.verifyingKey(suite, jwk))).code, name).toBe('key-invalid')
        }
      }
    }
  })

  it('takes every key that is made', async () => {
    for (let i = 0; i < 8; i++)
      expect(isSoundPoint(ed25519Pair(await generateKey({ alg: 'Ed25519' })).publicKey)).toBe(true)
  })
})
