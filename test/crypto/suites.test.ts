import { describe, expect, it } from 'vitest'
import { suiteOf, suiteOfKey } from '../../src/crypto/suites.ts'
import { generateKey } from '../../src/keys/jwk.ts'
import { refusal } from '../core/refusal.ts'

describe('suites', () => {
  it('are found by their JWS names, two of which mean one', () => {
    expect(suiteOf('ES256')?.name).toBe('ES256')
    expect(suiteOf('EdDSA')).toBe(suiteOf('Ed25519'))
  })

  it('are no others, whatever an object also has', () => {
    for (const alg of ['none', 'HS256', 'RS256', 'es256', '', '__proto__', 'constructor', 'toString']) {
      expect(suiteOf(alg), alg).toBeUndefined()
    }
  })

  it('are found by a key', async () => {
    const [p256, ed25519] = [await generateKey({ alg: 'ES256' }), await generateKey({ alg: 'Ed25519' })]
    expect([suiteOfKey(p256).name, suiteOfKey(ed25519).name]).toEqual(['ES256', 'Ed25519'])
    expect(suiteOfKey({ ...ed25519, alg: 'EdDSA' }).name).toBe('Ed25519')
    const { alg: _alg, ...unnamed } = p256
    expect(suiteOfKey(unnamed).name).toBe('ES256')
  })

  it('a key whose "alg" does not fit its curve is refused', async () => {
    const p256 = await generateKey({ alg: 'ES256' })
    for (const alg of ['EdDSA', 'Ed25519', 'ES384', 'HS256', 'none', '']) {
      expect(refusal(() => suiteOfKey({ ...p256, alg })).code, alg).toBe('key-invalid')
    }
  })

  it('refuses keys of no suite', async () => {
    for (const jwk of [await generateKey({ alg: 'X25519' }), await generateKey({ alg: 'A256KW' }), { kty: 'RSA' }]) {
      expect(refusal(() => suiteOfKey(jwk)).code).toBe('key-invalid')
    }
  })
})
