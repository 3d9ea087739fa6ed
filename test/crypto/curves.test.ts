import { describe, expect, it } from 'vitest'
import { toBase64url } from '../../src/core/base64url.ts'
import { hex } from '../../src/core/bytes.ts'
import {
  agreeX25519,
  ed25519Pair,
  generateCurveKey,
  signEd25519Sync,
  verifyEd25519Sync,
  x25519Scalar,
} from '../../src/crypto/curves.ts'
import { coordinate } from '../../src/crypto/members.ts'
import { refusal } from '../core/refusal.ts'

const unhex = (text: string) => Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))

describe('synchronous Ed25519', () => {
  it('signs and verifies the published example (RFC 8032 §7.1, test 2)', () => {
    const d = unhex('4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb')
    const x = unhex('3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c')
    const pair = ed25519Pair({ kty: 'OKP', crv: 'Ed25519', d: toBase64url(d), x: toBase64url(x) })
    const signature = signEd25519Sync(pair, Uint8Array.of(0x72))
    expect(hex(signature)).toBe(
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da' +
        '085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
    )
    expect(verifyEd25519Sync(x, Uint8Array.of(0x72), signature)).toBe(true)
    expect(verifyEd25519Sync(x, Uint8Array.of(0x73), signature)).toBe(false)
    for (const bytes of [signature.subarray(1), new Uint8Array(65), new Uint8Array()]) {
      expect(verifyEd25519Sync(x, Uint8Array.of(0x72), bytes)).toBe(false)
    }
    expect(verifyEd25519Sync(x.subarray(1), Uint8Array.of(0x72), signature)).toBe(false)
  })

  it('refuses a private key with another public half', () => {
    const [one, two] = [generateCurveKey('Ed25519'), generateCurveKey('Ed25519')]
    expect(refusal(() => ed25519Pair({ ...one, x: String(two.x) })).code).toBe('key-invalid')
    expect(refusal(() => ed25519Pair({ kty: 'OKP', x: String(one.x) })).code).toBe('key-invalid')
  })
})

describe('X25519', () => {
  it('multiplies as published (RFC 7748 §5.2)', () => {
    const scalar = unhex('a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4')
    const point = unhex('e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c')
    const secret = agreeX25519(scalar, point) ?? new Uint8Array()
    expect(hex(secret)).toBe('c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552')
  })

  it('refuses a secret that is all zero, and points of another size', () => {
    const scalar = x25519Scalar(generateCurveKey('X25519'))
    for (const point of [new Uint8Array(32), new Uint8Array(32).with(0, 1), new Uint8Array(31), new Uint8Array(33)]) {
      expect(agreeX25519(scalar, point)).toBeUndefined()
    }
  })

  it('refuses a private key with another public half', () => {
    const [one, two] = [generateCurveKey('X25519'), generateCurveKey('X25519')]
    expect(refusal(() => x25519Scalar({ ...one, x: String(two.x) })).code).toBe('key-invalid')
    expect(hex(x25519Scalar(one))).toBe(hex(coordinate(one.d)))
  })
})
