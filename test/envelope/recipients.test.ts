import { inspect as print } from 'node:util'
import { describe, expect, it } from 'vitest'
import type { Jwk } from '../../src/crypto/primitives.ts'
import { recipientNamed } from '../../src/envelope/recipients.ts'
import { createKeyring, inspect, open, type Recipient, recipient, seal } from '../../src/envelope.ts'
import { failureOf, freshJwk, pattern, publicOf } from './fixtures.ts'

const p256 = await freshJwk('P-256')
const x25519 = await freshJwk('X25519')
const fixOf = async (jwk: unknown) => failureOf(() => recipient(jwk as Jwk))
const KEY_INVALID = { code: 'key-invalid', option: 'recipient' }

describe('recipient', () => {
  it('seals to a public key what its private half opens', async () => {
    for (const jwk of [p256, x25519]) {
      const envelope = await seal(pattern(20), { to: recipient({ ...publicOf(jwk), kid: 'peer', use: 'enc' }) })
      const keyring = createKeyring({ primary: 'peer', keys: { peer: jwk } })
      expect(await open(envelope, { with: keyring })).toEqual(pattern(20))
    }
  })

  it('is known by the given name where the engine gives one', async () => {
    const named = recipientNamed('thumbprint', { ...publicOf(p256), kid: 'other' })
    expect(named.kid).toBe('thumbprint')
    expect(inspect(await seal(pattern(1), { to: named })).kids).toEqual([{ type: 16, kid: 'thumbprint' }])
  })

  it('a recipient without a key id is refused', async () => {
    expect(await fixOf(publicOf(p256))).toEqual(KEY_INVALID)
    expect(await fixOf({ ...publicOf(p256), kid: 7 })).toEqual(KEY_INVALID)
    expect(await fixOf(undefined)).toEqual(KEY_INVALID)
    expect(() => recipient(publicOf(p256))).toThrow('give the public JWK a "kid"')
  })

  it('a private key is refused as a recipient', async () => {
    expect(await fixOf({ ...p256, kid: 'a' })).toEqual(KEY_INVALID)
  })

  it('a seal key of another curve, or with a coordinate of another size, is refused', async () => {
    const good = { ...publicOf(p256), kid: 'a' }
    const short = (good.x as string).slice(0, 40)
    const wrong = [
      { ...good, crv: 'P-384' },
      { ...good, crv: 'Ed25519', kty: 'OKP' },
      { ...good, kty: 'OKP' },
      { ...good, kty: 'oct' },
      { ...good, y: undefined },
      { ...good, y: short },
      { ...good, x: short },
      { ...good, x: `${good.x}=` },
      { ...good, x: [1] },
      { kty: 'OKP', crv: 'X25519', kid: 'a' },
      { kty: 'RSA', kid: 'a', n: 'AQAB', e: 'AQAB' },
    ]
    for (const jwk of wrong) expect(await fixOf(jwk), JSON.stringify(jwk)).toEqual(KEY_INVALID)
  })

  it('sealing to a public key that is not on its curve is refused', async () => {
    const to = recipient({ kty: 'EC', crv: 'P-256', kid: 'a', x: p256.x as string, y: p256.x as string })
    expect(await failureOf(() => seal(pattern(1), { to }))).toEqual({ code: 'key-invalid', option: 'to' })
    const small = recipient({ kty: 'OKP', crv: 'X25519', kid: 'a', x: 'A'.repeat(43) })
    expect(await failureOf(() => seal(pattern(1), { to: small }))).toEqual({ code: 'key-invalid', option: 'to' })
  })

  it('sealing to what is no recipient is refused', async () => {
    for (const wrong of [
      { kid: 'a' },
      null,
      undefined,
      'a',
      publicOf(p256),
      { ...recipient({ ...publicOf(p256), kid: 'a' }) },
    ]) {
      const failure = await failureOf(() => seal(pattern(1), { to: wrong as unknown as Recipient }))
      expect(failure).toEqual({ code: 'option-invalid', option: 'to' })
    }
  })

  it('shows its key id and nothing else when printed', () => {
    const made = recipient({ ...publicOf(x25519), kid: 'a' })
    expect(print(made, { showHidden: true, depth: 9 })).toBe("{ kid: 'a' }")
    expect(JSON.stringify(made)).toBe('{"kid":"a"}')
  })
})
