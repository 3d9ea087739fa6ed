import { describe, expect, it } from 'vitest'
import { toBase64url } from '../../src/core/base64url.ts'
import { isPoint, pointOf, privateMembers, publicMembers } from '../../src/crypto/members.ts'
import { generateKey, publicJwk } from '../../src/keys/jwk.ts'
import { refusal } from '../core/refusal.ts'

const p256 = await generateKey({ alg: 'P-256' })
const ed25519 = await generateKey({ alg: 'Ed25519' })

describe('the members of a key', () => {
  it('are taken out and nothing else', () => {
    expect(publicMembers('P-256', p256)).toEqual({ kty: 'EC', crv: 'P-256', x: p256.x, y: p256.y })
    expect(publicMembers('Ed25519', { ...ed25519, y: 'ignored' })).toEqual({ kty: 'OKP', crv: 'Ed25519', x: ed25519.x })
    expect(privateMembers('Ed25519', ed25519)).toEqual({ kty: 'OKP', crv: 'Ed25519', x: ed25519.x, d: ed25519.d })
  })

  it('a key with a coordinate that is not 32 bytes in plain base64url is refused', () => {
    const bytes = (size: number) => toBase64url(new Uint8Array(size))
    for (const x of [
      undefined,
      1,
      '',
      bytes(31),
      bytes(33),
      `${bytes(32)}=`,
      bytes(32).replace(/A$/, 'B'),
      '+'.repeat(43),
    ]) {
      expect(refusal(() => publicMembers('Ed25519', { ...ed25519, x } as never)).code, `${x}`).toBe('key-invalid')
      expect(refusal(() => publicMembers('P-256', { ...p256, y: x } as never)).code, `${x}`).toBe('key-invalid')
      expect(refusal(() => privateMembers('P-256', { ...p256, d: x } as never)).code, `${x}`).toBe('key-invalid')
    }
  })

  it('a key of another curve than it is used for is refused', () => {
    for (const crv of ['P-256', 'X25519'] as const) {
      expect(refusal(() => publicMembers(crv, ed25519)).code).toBe('key-invalid')
    }
    for (const jwk of [p256, { ...ed25519, kty: 'EC' }, { ...ed25519, crv: 'X25519' }]) {
      expect(refusal(() => publicMembers('Ed25519', jwk)).code).toBe('key-invalid')
    }
  })

  it('a public key where a private one is needed is refused', () => {
    const error = refusal(() => privateMembers('P-256', publicJwk(p256)))
    expect([error.code, error.detail.fix]).toEqual(['key-invalid', 'give the private key'])
  })

  it('make a point of one shape', () => {
    expect(pointOf(p256)).toHaveLength(65)
    expect(pointOf(ed25519)).toHaveLength(32)
    expect([isPoint('P-256', pointOf(p256)), isPoint('X25519', pointOf(ed25519))]).toEqual([true, true])
    expect(isPoint('P-256', pointOf(p256).with(0, 3))).toBe(false)
    expect([isPoint('P-256', new Uint8Array(32)), isPoint('X25519', new Uint8Array(65))]).toEqual([false, false])
  })
})
