import { inspect as print } from 'node:util'
import { describe, expect, it } from 'vitest'
import { createKeyring, type KeyringKey, open, seal } from '../../src/envelope.ts'
import { cryptoKeys, hkdfKey, pairAndJwk } from './crypto-key-suite.ts'
import { failureOf, pattern } from './fixtures.ts'

cryptoKeys('node')

const raw = pattern(32)
const failureWith = (key: unknown) => failureOf(() => createKeyring({ primary: 'k', keys: { k: key as KeyringKey } }))
const INVALID = { code: 'key-invalid', option: 'keys.k' }
const aes = (bytes: Uint8Array<ArrayBuffer>, name = 'AES-GCM', usages: KeyUsage[] = ['encrypt', 'decrypt']) =>
  crypto.subtle.importKey('raw', bytes, name, false, usages)

describe('a keyring of keys of WebCrypto', () => {
  it('a CryptoKey that is no HKDF key for deriveBits is refused', async () => {
    const { pair } = await pairAndJwk('P-256')
    const wrong = [
      await hkdfKey(raw, ['deriveKey']),
      await aes(raw),
      await aes(raw.subarray(0, 16)),
      await aes(raw, 'AES-KW', ['wrapKey', 'unwrapKey']),
      await crypto.subtle.importKey('raw', raw, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']),
      await crypto.subtle.importKey('raw', raw, 'PBKDF2', false, ['deriveBits']),
      pair.privateKey,
      pair.publicKey,
    ]
    for (const key of wrong) {
      expect(await failureWith(key)).toEqual(INVALID)
      expect(await failureWith({ key })).toEqual(INVALID)
    }
    try {
      createKeyring({ primary: 'k', keys: { k: await aes(raw) } })
      expect.unreachable()
    } catch (error) {
      expect(String(error)).toContain('import the 32 bytes as an "HKDF" key for "deriveBits"')
    }
    expect(await failureWith(await hkdfKey(raw, ['deriveBits', 'deriveKey']))).toEqual({ code: 'none' })
  })

  it('a pair of CryptoKeys that cannot agree on P-256 or X25519, or hides its public half, is refused', async () => {
    const generate = async (algorithm: object, usages: KeyUsage[]) =>
      (await crypto.subtle.generateKey(algorithm as EcKeyGenParams, false, usages)) as CryptoKeyPair
    const [p256, x25519] = [(await pairAndJwk('P-256')).pair, (await pairAndJwk('X25519')).pair]
    const point = await crypto.subtle.exportKey('raw', p256.publicKey)
    const hidden = await crypto.subtle.importKey('raw', point, { name: 'ECDH', namedCurve: 'P-256' }, false, [])
    const wrong = [
      await generate({ name: 'ECDH', namedCurve: 'P-384' }, ['deriveBits']),
      await generate({ name: 'ECDH', namedCurve: 'P-256' }, ['deriveKey']),
      await generate({ name: 'ECDSA', namedCurve: 'P-256' }, ['sign']),
      await generate({ name: 'Ed25519' }, ['sign']),
      { privateKey: p256.privateKey, publicKey: x25519.publicKey },
      { privateKey: p256.privateKey, publicKey: p256.privateKey },
      { privateKey: p256.publicKey, publicKey: p256.publicKey },
      { privateKey: p256.privateKey, publicKey: hidden },
      { privateKey: p256.privateKey, publicKey: await hkdfKey(raw) },
      { privateKey: p256.privateKey },
      { privateKey: 'text', publicKey: 'text' },
    ]
    for (const key of wrong) expect(await failureWith(key)).toEqual(INVALID)
    for (const key of [p256, x25519]) expect(await failureWith({ key })).toEqual({ code: 'none' })
  })

  it('a pair of CryptoKeys whose halves are of two keys is refused at its first use', async () => {
    for (const curve of ['P-256', 'X25519'] as const) {
      const [one, two] = [(await pairAndJwk(curve)).pair, (await pairAndJwk(curve)).pair]
      const mixed = { privateKey: one.privateKey, publicKey: two.publicKey }
      const keyring = createKeyring({ primary: 'k', keys: { k: mixed } })
      const envelope = await seal(pattern(3), { to: keyring })
      for (let again = 0; again < 2; again++)
        expect(await failureOf(() => open(envelope, { with: keyring }))).toEqual(INVALID)
      const owner = createKeyring({ primary: 'k', keys: { k: two } })
      expect(await open(envelope, { with: owner })).toEqual(pattern(3))
    }
  })

  it('keeps them beside keys of every other kind, with a state', async () => {
    const { pair } = await pairAndJwk('X25519')
    const before = await seal(pattern(3), { to: createKeyring({ primary: 'old', keys: { old: pair } }) })
    const keyring = createKeyring({
      primary: 'new',
      keys: { new: await hkdfKey(raw), old: { key: pair, state: 'open-only' }, raw: pattern(32) },
    })
    expect(keyring.kids).toEqual(['new', 'old', 'raw'])
    expect(await open(before, { with: keyring })).toEqual(pattern(3))
    expect(print(keyring, { showHidden: true, depth: 9 })).not.toContain('CryptoKey')
  })
})
