import { describe, expect, it } from 'vitest'
import { primitives } from '#crypto'
import { isCountersignError } from '../../src/core/errors.ts'
import type { Jwk } from '../../src/crypto/primitives.ts'
import { sealWith } from '../../src/envelope/seal.ts'
import { createKeyring, open, openStream, recipient, rewrap, seal, sealStream } from '../../src/envelope.ts'
import { fixedEntropy, isSame, passed, pattern } from './fixtures.ts'

const raw = pattern(33).subarray(1)
const context = { tenant: 'acme', id: '42' }

/** 32 bytes as a key that shows none of them. */
export function hkdfKey(bytes: Uint8Array<ArrayBuffer>, usages: KeyUsage[] = ['deriveBits']): Promise<CryptoKey> {
  return crypto.subtle.importKey('raw', bytes, 'HKDF', false, usages)
}

/** A pair whose private half stays where it is, and the JWK of another import of it. */
export async function pairAndJwk(curve: 'P-256' | 'X25519'): Promise<{ pair: CryptoKeyPair; jwk: Jwk }> {
  const algorithm = curve === 'P-256' ? { name: 'ECDH', namedCurve: curve } : { name: curve }
  const { privateKey, publicKey } = (await crypto.subtle.generateKey(algorithm, true, ['deriveBits'])) as CryptoKeyPair
  const { kty, crv, x, y, d } = (await crypto.subtle.exportKey('jwk', privateKey)) as Jwk
  const jwk = { kty, crv, x, ...(y !== undefined && { y }), d } as Jwk
  const hidden = await crypto.subtle.importKey('jwk', { ...jwk } as JsonWebKey, algorithm, false, ['deriveBits'])
  return { pair: { privateKey: hidden, publicKey }, jwk }
}

/** What holds for keys of WebCrypto in a keyring, on whichever primitives `#crypto` is. */
export function cryptoKeys(name: 'node' | 'web'): void {
  describe(`keys of WebCrypto on ${name}`, () => {
    it('a symmetric one gives the very bytes that its raw key gives, and each opens the other’s', async () => {
      expect(primitives.name).toBe(name)
      const held = createKeyring({ primary: 'kek1', keys: { kek1: await hkdfKey(raw) } })
      const known = createKeyring({ primary: 'kek1', keys: { kek1: raw } })
      for (const length of [0, 1, 70_000]) {
        const [one, two] = [held, known].map((to) =>
          sealWith(
            fixedEntropy({ dataKey: pattern(32), salt: pattern(24), wrapSalt: pattern(25).subarray(1) }),
            pattern(length),
            { to, context },
          ),
        )
        expect(isSame((await one) as Uint8Array, (await two) as Uint8Array)).toBe(true)
      }
      for (const [to, by] of [
        [held, known],
        [known, held],
        [held, held],
      ] as const) {
        const envelope = await seal(pattern(300), { to, context })
        expect(await open(envelope, { with: by, context })).toEqual(pattern(300))
        const moved = await rewrap(envelope, { with: by, to })
        expect(await open(moved, { with: by, context })).toEqual(pattern(300))
        const { pieces } = await passed(sealStream({ to, context }), [pattern(9)])
        expect((await passed(openStream({ with: by, context }), pieces)).pieces).toEqual([pattern(9)])
      }
    })

    it.each(['P-256', 'X25519'] as const)('a pair on %s and its JWK open each other’s', async (curve) => {
      const { pair, jwk } = await pairAndJwk(curve)
      const { d, ...publicJwk } = jwk
      const held = createKeyring({ primary: 'k', keys: { k: pair } })
      const known = createKeyring({ primary: 'k', keys: { k: jwk } })
      for (const [to, by] of [
        [held, known],
        [known, held],
        [recipient({ ...publicJwk, kid: 'k' }), held],
      ] as const) {
        const envelope = await seal(pattern(300), { to, context })
        expect(await open(envelope, { with: by, context })).toEqual(pattern(300))
      }
    })

    it('another key opens nothing, and a point that is none is no reason to throw anything else', async () => {
      for (const curve of ['P-256', 'X25519'] as const) {
        const held = createKeyring({ primary: 'k', keys: { k: (await pairAndJwk(curve)).pair } })
        const other = createKeyring({ primary: 'k', keys: { k: (await pairAndJwk(curve)).pair } })
        const envelope = await seal(pattern(3), { to: held })
        await expect(open(envelope, { with: other })).rejects.toMatchObject({ code: 'unopened' })
        // The ephemeral point follows magic, suite, counts, type, length and key id; on X25519 zeros lead to a zero secret.
        const at = 4 + 2 + 2 + 3 + 2
        const broken = Uint8Array.from(envelope).fill(0, at, at + (curve === 'P-256' ? 65 : 32))
        const error = await open(broken, { with: held }).catch((cause: unknown) => cause)
        expect(isCountersignError(error, 'unopened') && error.detail.step).toBe('unwrap-failed')
      }
      const held = createKeyring({ primary: 'k', keys: { k: await hkdfKey(raw) } })
      const other = createKeyring({ primary: 'k', keys: { k: await hkdfKey(pattern(32)) } })
      const envelope = await seal(pattern(3), { to: held })
      await expect(open(envelope, { with: other })).rejects.toMatchObject({ code: 'unopened' })
    })
  })
}
