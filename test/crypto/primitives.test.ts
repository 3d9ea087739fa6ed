import { describe, expect, it } from 'vitest'
import { toBase64url } from '../../src/core/base64url.ts'
import { concat, hex, utf8 } from '../../src/core/bytes.ts'
import { randomBytes } from '../../src/core/random.ts'
import { generateCurveKey } from '../../src/crypto/curves.ts'
import { pointOf } from '../../src/crypto/members.ts'
import type { Jwk, Primitives } from '../../src/crypto/primitives.ts'
import { type Curve, type SignatureSuite, suiteOf, suiteOfKey } from '../../src/crypto/suites.ts'
import { generateKey, publicJwk } from '../../src/keys/jwk.ts'
import { refusalOf } from '../core/refusal.ts'
import { backends, node, web, withoutCurves } from './backends.ts'

const pairs = backends.flatMap(([one, a]) => backends.map(([other, b]) => [one, other, a, b] as const))
const sizes = [0, 1, 16, 63, 64, 65, 1000]
const suites = [suiteOf('ES256'), suiteOf('Ed25519')].filter((suite) => suite !== undefined)
const signing = { ES256: await generateKey({ alg: 'ES256' }), Ed25519: await generateKey({ alg: 'Ed25519' }) }
const others = { ES256: await generateKey({ alg: 'ES256' }), Ed25519: await generateKey({ alg: 'Ed25519' }) }
const agreement = { 'P-256': await generateKey({ alg: 'P-256' }), X25519: await generateKey({ alg: 'X25519' }) }
const curves: readonly Curve[] = ['P-256', 'X25519']

const codeOf = async (attempt: () => unknown) => (await refusalOf(attempt)).code

it('the names tell the implementations apart', () => {
  expect([node.name, web.name, withoutCurves.name]).toEqual(['node', 'web', 'web'])
})

describe.each(backends)('%s', (_name, primitives) => {
  it('gives the digests of FIPS 180-4', async () => {
    expect(hex(await primitives.digest('SHA-256', utf8('abc')))).toBe(
      'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    )
    expect(hex(await primitives.digest('SHA-512', utf8('abc')))).toBe(
      'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a' +
        '2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f',
    )
  })

  it('gives bytes that nobody else holds', async () => {
    const data = randomBytes(32)
    const digest = await primitives.digest('SHA-256', data)
    const copy = digest.slice()
    await primitives.digest('SHA-256', randomBytes(32))
    expect(digest).toEqual(copy)
    expect(digest.constructor).toBe(Uint8Array)
  })

  it('takes a view into a larger buffer for what it shows', async () => {
    const whole = concat(randomBytes(7), utf8('abc'), randomBytes(7))
    expect(await primitives.digest('SHA-256', whole.subarray(7, 10))).toEqual(
      await primitives.digest('SHA-256', utf8('abc')),
    )
  })

  it('takes an empty MAC key for 32 zero bytes', async () => {
    const empty = await primitives.mac(await primitives.macKey(new Uint8Array()), utf8('a'))
    expect(empty).toEqual(await primitives.mac(await primitives.macKey(new Uint8Array(32)), utf8('a')))
  })

  it('opens nothing that was changed in any part', async () => {
    const key = await primitives.aeadKey(randomBytes(32))
    const [nonce, aad] = [randomBytes(12), utf8('aad')]
    const sealed = concat(...(await primitives.encrypt(key, nonce, utf8('text'), aad)))
    const flip = (bytes: Uint8Array, i: number) => bytes.with(i, (bytes[i] ?? 0) ^ 1)
    for (let i = 0; i < sealed.length; i++) {
      expect(await primitives.decrypt(key, nonce, flip(sealed, i), aad)).toBeUndefined()
    }
    for (let length = 0; length < sealed.length; length++) {
      expect(await primitives.decrypt(key, nonce, sealed.subarray(0, length), aad)).toBeUndefined()
    }
    expect(await primitives.decrypt(key, flip(nonce, 0), sealed, aad)).toBeUndefined()
    expect(await primitives.decrypt(key, nonce, sealed, flip(aad, 0))).toBeUndefined()
    expect(await primitives.decrypt(key, nonce, sealed, new Uint8Array())).toBeUndefined()
    expect(await primitives.decrypt(await primitives.aeadKey(randomBytes(32)), nonce, sealed, aad)).toBeUndefined()
    expect(await primitives.decrypt(key, nonce, sealed, aad)).toEqual(utf8('text'))
  })

  it.each(suites)('verifies no $name signature of another key, text or size', async (suite) => {
    const signature = await primitives.sign(await primitives.signingKey(suite, signing[suite.name]), utf8('text'))
    const verify = async (jwk: Jwk, text: string, bytes: Uint8Array) =>
      primitives.verify(await primitives.verifyingKey(suite, publicJwk(jwk)), utf8(text), bytes)
    expect(await verify(signing[suite.name], 'text', signature)).toBe(true)
    expect(await verify(others[suite.name], 'text', signature)).toBe(false)
    expect(await verify(signing[suite.name], 'Text', signature)).toBe(false)
    for (const bytes of [
      signature.subarray(1),
      concat(signature, Uint8Array.of(0)),
      new Uint8Array(),
      new Uint8Array(64),
    ])
      expect(await verify(signing[suite.name], 'text', bytes)).toBe(false)
    for (const i of [0, 31, 32, 63]) {
      expect(await verify(signing[suite.name], 'text', signature.with(i, (signature[i] ?? 0) ^ 1))).toBe(false)
    }
  })

  it.each(suites)('refuses a $name key that is not what it says', async (suite) => {
    const [jwk, other] = [signing[suite.name], others[suite.name]]
    const wrong: readonly (readonly [string, Jwk])[] = [
      ['a public key', publicJwk(jwk)],
      ['another public half', { ...jwk, x: String(other.x), ...(other.y === undefined ? {} : { y: other.y }) }],
      ['another curve', suite.name === 'ES256' ? signing.Ed25519 : signing.ES256],
      ['another type', { ...jwk, kty: 'oct' }],
      ['a scalar of zero', { ...jwk, d: toBase64url(new Uint8Array(32)) }],
      ['a scalar beyond the order', { ...jwk, d: toBase64url(new Uint8Array(32).fill(255)) }],
      ['a short scalar', { ...jwk, d: toBase64url(randomBytes(31)) }],
      ['a padded scalar', { ...jwk, d: `${jwk.d}=` }],
      ['no coordinate', { kty: jwk.kty, crv: suite.crv, d: String(jwk.d) }],
    ]
    for (const [what, key] of wrong) {
      expect(await codeOf(() => primitives.signingKey(suite, key)), what).toBe('key-invalid')
    }
    const { d: _d, x: _x, ...withoutX } = jwk
    for (const key of [withoutX, { ...jwk, x: `${jwk.x}A` }, { ...jwk, x: `${jwk.x}\n` }]) {
      expect(await codeOf(() => primitives.verifyingKey(suite, key))).toBe('key-invalid')
    }
  })

  it('refuses a point that is not on the curve', async () => {
    const suite = suiteOfKey(signing.ES256)
    const off = { ...publicJwk(signing.ES256), y: toBase64url(randomBytes(32)) }
    expect(await codeOf(() => primitives.verifyingKey(suite, off))).toBe('key-invalid')
    const key = await primitives.agreementKey('P-256', agreement['P-256'])
    for (const point of [concat(Uint8Array.of(4), randomBytes(64)), new Uint8Array(65), randomBytes(64)]) {
      expect(await primitives.agree(key, point)).toBeUndefined()
    }
    // The same point, compressed: one spelling only.
    expect(await primitives.agree(key, concat(Uint8Array.of(2), pointOf(agreement['P-256']).subarray(1, 33)))).toBe(
      undefined,
    )
  })

  it.each(curves)('refuses a %s agreement key that is not what it says', async (curve) => {
    const jwk = agreement[curve]
    const other = await generateKey({ alg: curve })
    const wrong: readonly Jwk[] = [
      publicJwk(jwk),
      { ...jwk, x: String(other.x), ...(other.y === undefined ? {} : { y: other.y }) },
      agreement[curve === 'P-256' ? 'X25519' : 'P-256'],
      { ...jwk, d: toBase64url(randomBytes(33)) },
    ]
    for (const key of wrong) expect(await codeOf(() => primitives.agreementKey(curve, key))).toBe('key-invalid')
  })

  it('generates agreement keys that show no private half', async () => {
    for (const curve of curves) {
      const [one, two] = [await primitives.generateAgreement(curve), await primitives.generateAgreement(curve)]
      expect(Object.keys(one.jwk).sort()).toEqual(curve === 'P-256' ? ['crv', 'kty', 'x', 'y'] : ['crv', 'kty', 'x'])
      expect(one.point).toEqual(pointOf(one.jwk))
      expect(one.point).not.toEqual(two.point)
      expect(await primitives.agree(one.key, two.point)).toEqual(await primitives.agree(two.key, one.point))
    }
  })
})

const encryptOnce = async (primitives: Primitives, raw: Uint8Array, nonce: Uint8Array, size: number) =>
  concat(...(await primitives.encrypt(await primitives.aeadKey(raw), nonce, new Uint8Array(size), utf8('aad'))))

const signOnce = async (primitives: Primitives, suite: SignatureSuite) =>
  primitives.sign(await primitives.signingKey(suite, signing[suite.name]), utf8('text'))

describe.each(pairs)('%s and %s', (_one, _other, a, b) => {
  it('give the same digests and MACs', async () => {
    for (const size of sizes) {
      const [data, raw] = [randomBytes(size), randomBytes(size)]
      for (const hash of ['SHA-256', 'SHA-512'] as const) {
        expect(await a.digest(hash, data)).toEqual(await b.digest(hash, data))
      }
      expect(await a.mac(await a.macKey(raw), data)).toEqual(await b.mac(await b.macKey(raw), data))
    }
  })

  it('give the same ciphertexts and open each other’s', async () => {
    const [raw, nonce] = [randomBytes(32), randomBytes(12)]
    for (const size of sizes) {
      const sealed = await encryptOnce(a, raw, nonce, size)
      expect(sealed).toEqual(await encryptOnce(b, raw, nonce, size))
      expect(await b.decrypt(await b.aeadKey(raw), nonce, sealed, utf8('aad'))).toEqual(new Uint8Array(size))
    }
  })

  it.each(suites)('verify each other’s $name signatures', async (suite) => {
    const signature = await signOnce(a, suite)
    const key = await b.verifyingKey(suite, publicJwk(signing[suite.name]))
    expect(await b.verify(key, utf8('text'), signature)).toBe(true)
    expect(await b.verify(key, utf8('other'), signature)).toBe(false)
    if (suite.name === 'Ed25519') expect(signature).toEqual(await signOnce(b, suite))
  })

  it.each(curves)('agree on one secret over %s', async (curve) => {
    const mine = await a.agreementKey(curve, agreement[curve])
    const { key, point } = await b.generateAgreement(curve)
    const secret = await a.agree(mine, point)
    expect(secret).toHaveLength(32)
    expect(await b.agree(key, pointOf(agreement[curve]))).toEqual(secret)
  })

  it('take keys that were made without WebCrypto', async () => {
    const [sign, agree] = [generateCurveKey('Ed25519'), generateCurveKey('X25519')]
    const suite = suiteOfKey(sign)
    const signature = await a.sign(await a.signingKey(suite, sign), utf8('text'))
    expect(await b.verify(await b.verifyingKey(suite, publicJwk(sign)), utf8('text'), signature)).toBe(true)
    expect(await a.agree(await a.agreementKey('X25519', agree), pointOf(agreement.X25519))).toEqual(
      await b.agree(await b.agreementKey('X25519', agreement.X25519), pointOf(agree)),
    )
  })
})
