import { inspect as print } from 'node:util'
import { describe, expect, it } from 'vitest'
import { toBase64url } from '../../src/core/base64url.ts'
import { isCountersignError } from '../../src/core/errors.ts'
import {
  createKeyring,
  inspect,
  type Keyring,
  type KeyringKey,
  type KeyringOptions,
  open,
  recipient,
  seal,
} from '../../src/envelope.ts'
import { codeOf, failureOf, freshJwk, pattern, publicOf } from './fixtures.ts'

const one = new Uint8Array(32).fill(0xe1)
const two = new Uint8Array(32).fill(0xe2)
const p256 = await freshJwk('P-256')
const x25519 = await freshJwk('X25519')
const make = (options: unknown) => failureOf(() => createKeyring(options as KeyringOptions))
const keyFailure = (key: unknown) => make({ primary: 'k', keys: { k: key } })

describe('createKeyring', () => {
  it('seals to its primary and opens by any key', async () => {
    const oct = { kty: 'oct', k: toBase64url(two), alg: 'A256KW' }
    const keys: Record<string, KeyringKey> = { one, oct, p256, x25519 }
    for (const primary of Object.keys(keys)) {
      const keyring = createKeyring({ primary, keys })
      expect(keyring.kid).toBe(primary)
      expect(keyring.kids).toEqual(Object.keys(keys))
      const envelope = await seal(pattern(9), { to: keyring, context: { a: 'b' } })
      expect(inspect(envelope).kids).toEqual([
        { type: { one: 1, oct: 1, p256: 16, x25519: 17 }[primary], kid: primary },
      ])
      const other = createKeyring({ primary: 'one', keys })
      expect(await open(envelope, { with: other, context: { a: 'b' } })).toEqual(pattern(9))
    }
  })

  it('opens with pending and open-only keys', async () => {
    const envelope = await seal(pattern(9), { to: createKeyring({ primary: 'two', keys: { two } }) })
    for (const state of ['pending', 'open-only'] as const) {
      const keyring = createKeyring({ primary: 'one', keys: { one, two: { key: two, state } } })
      expect(inspect(await seal(pattern(1), { to: keyring })).kids).toEqual([{ type: 1, kid: 'one' }])
      expect(await open(envelope, { with: keyring })).toEqual(pattern(9))
    }
    const without = createKeyring({ primary: 'one', keys: { one: { key: one }, two: { key: two } } })
    expect(await open(envelope, { with: without })).toEqual(pattern(9))
  })

  it('a disabled or destroyed key neither seals nor opens', async () => {
    const envelope = await seal(pattern(9), { to: createKeyring({ primary: 'two', keys: { two } }) })
    for (const state of ['disabled', 'destroyed'] as const) {
      const keyring = createKeyring({ primary: 'one', keys: { one, two: { key: two, state } } })
      expect(keyring.kids).toEqual(['one'])
      const failure = await failureOf(() => open(envelope, { with: keyring }))
      expect(failure).toEqual({ code: 'unopened', step: 'no-recipient' })
    }
  })

  it('a primary key that has a state is refused', async () => {
    for (const state of ['pending', 'open-only', 'disabled', 'destroyed']) {
      const failure = await make({ primary: 'one', keys: { one: { key: one, state } } })
      expect(failure).toEqual({ code: 'option-invalid', option: 'keys.one.state' })
    }
  })

  it('a key in an unknown state is refused', async () => {
    for (const state of ['active', '', null, 1]) {
      const failure = await make({ primary: 'one', keys: { one, two: { key: two, state } } })
      expect(failure).toEqual({ code: 'option-invalid', option: 'keys.two.state' })
    }
  })

  it('a keyring whose primary is none of its keys is refused', async () => {
    for (const primary of ['two', '', undefined, 'toString', '__proto__']) {
      expect(await make({ primary, keys: { one } })).toEqual({ code: 'option-invalid', option: 'primary' })
    }
    expect(await make({ primary: 'one' })).toEqual({ code: 'option-invalid', option: 'keys' })
  })

  it('a symmetric key of another size than 32 bytes is refused', async () => {
    const wrong = [pattern(0), pattern(16), pattern(31), pattern(33), { kty: 'oct' }, { kty: 'oct', k: 'AAAA' }]
    for (const key of wrong) expect(await keyFailure(key)).toEqual({ code: 'key-invalid', option: 'keys.k' })
  })

  it('a seal key that is not a JWK is refused', async () => {
    for (const key of [null, undefined, 'text', 7]) {
      expect(await keyFailure(key)).toEqual({ code: 'key-invalid', option: 'keys.k' })
      expect(await keyFailure({ key })).toEqual({ code: 'key-invalid', option: 'keys.k' })
    }
  })

  it('a key that is meant for signatures is refused as a seal key', async () => {
    const wrong = [
      { ...p256, alg: 'ES256' },
      { ...p256, use: 'sig' },
      { ...x25519, alg: 'EdDSA' },
      { ...x25519, alg: 'Ed25519' },
      { kty: 'oct', k: toBase64url(one), alg: 'HS256' },
    ]
    for (const key of wrong) {
      expect(await keyFailure(key)).toEqual({ code: 'key-invalid', option: 'keys.k' })
      const failure = await failureOf(() => recipient({ ...publicOf(key), kid: 'k' }))
      expect(failure).toEqual({ code: 'key-invalid', option: 'recipient' })
    }
    expect(await keyFailure({ ...p256, alg: 'ECDH-ES', use: 'enc' })).toEqual({ code: 'none' })
  })

  it('a public key is refused in a keyring', async () => {
    expect(await keyFailure(publicOf(p256))).toEqual({ code: 'key-invalid', option: 'keys.k' })
  })

  it('refuses a private key whose public half is another key’s, by name', async () => {
    for (const [jwk, other] of [
      [p256, await freshJwk('P-256')],
      [x25519, await freshJwk('X25519')],
    ] as const) {
      expect(await keyFailure({ ...jwk, d: other.d })).toEqual({ code: 'key-invalid', option: 'keys.k' })
    }
  })

  it('opening with what is no keyring is refused', async () => {
    const envelope = await seal(pattern(1), { to: createKeyring({ primary: 'one', keys: { one } }) })
    for (const wrong of [undefined, null, {}, { one }, recipient({ ...publicOf(p256), kid: 'one' })]) {
      const failure = await failureOf(() => open(envelope, { with: wrong as unknown as Keyring }))
      expect(failure).toEqual({ code: 'option-invalid', option: 'with' })
    }
  })

  it('keeps its own copy of the keys', async () => {
    const given = Uint8Array.from(one)
    const keyring = createKeyring({ primary: 'k', keys: { k: given } })
    const envelope = await seal(pattern(9), { to: keyring })
    given.fill(0)
    expect(await open(envelope, { with: keyring })).toEqual(pattern(9))
  })

  it('shows its key ids and nothing else when printed', () => {
    const keyring = createKeyring({ primary: 'one', keys: { one, p256, x25519 } })
    expect(print(keyring, { showHidden: true, depth: 9, compact: false })).not.toMatch(/225|e1|"d"|bytes/i)
    expect(JSON.stringify(keyring)).toBe('{"kid":"one","kids":["one","p256","x25519"]}')
  })

  it('shows no key in an error', async () => {
    const marker = 'MARKERMARKERMARKERMARKERMARKERMARKERMARKERM'
    const bad: unknown[] = [
      { kty: 'oct', k: `${marker}x` },
      { kty: 'EC', crv: 'P-256', x: marker, y: marker, d: marker },
      { kty: 'OKP', crv: 'X25519', x: x25519.x, d: marker },
      { kty: marker, d: marker },
      { ...p256, alg: `ES256${marker}` },
      { key: marker, state: 'pending' },
    ]
    for (const key of bad) {
      try {
        createKeyring({ primary: 'one', keys: { one, k: key } as unknown as KeyringOptions['keys'] })
        expect.unreachable()
      } catch (error) {
        expect(isCountersignError(error, 'key-invalid')).toBe(true)
        expect(print(error, { showHidden: true, depth: 9 })).not.toContain('MARKER')
      }
    }
    expect(await codeOf(() => createKeyring({ primary: 'k', keys: { k: one } }))).toBe('none')
  })
})
