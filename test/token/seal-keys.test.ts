import { beforeAll, describe, expect, it } from 'vitest'
import type { Jwk } from '../../src/crypto/primitives.ts'
import { generateKey, thumbprint } from '../../src/keys/jwk.ts'
import { createSealKeyShelf, type SealKey, sealKeysOf } from '../../src/token/seal-keys.ts'

const GRACE_MS = 600_000
let jwks: Jwk[]
let keys: readonly SealKey[]

beforeAll(async () => {
  jwks = [await generateKey({ alg: 'X25519' }), await generateKey({ alg: 'P-256', kid: 'mine' })]
  keys = await sealKeysOf([await generateKey({ alg: 'ES256' }), ...jwks])
})

describe('sealKeysOf', () => {
  it('gives the seal keys alone, in their order, under their thumbprints', async () => {
    expect(keys.map(({ curve }) => curve)).toEqual(['X25519', 'P-256'])
    expect(keys.map(({ kid }) => kid)).toEqual(await Promise.all(jwks.map(thumbprint)))
    for (const { kid, jwk } of keys) expect(jwk).toMatchObject({ kid, use: 'enc', d: expect.any(String) })
  })

  it('credentials with a seal key whose halves do not belong together are refused', async () => {
    for (const alg of ['X25519', 'P-256'] as const) {
      const one = await generateKey({ alg })
      const other = await generateKey({ alg })
      await expect(sealKeysOf([{ ...one, d: other.d ?? '' }])).rejects.toMatchObject({ code: 'credentials-invalid' })
    }
  })
})

describe('createSealKeyShelf', () => {
  const kids = (list: readonly SealKey[]) => list.map(({ kid }) => kid)
  const named = ({ kid }: SealKey, expiresAt: number) => ({ kid, expiresAt })

  it('keeps a former key until every token naming it has expired, and a call sealed until then', () => {
    const [old, young] = keys as [SealKey, SealKey]
    const shelf = createSealKeyShelf()
    shelf.adopt([old], named(old, 2000))
    shelf.adopt([old], named(old, 1000))
    shelf.adopt([young], named(young, 3000))
    expect(kids(shelf.list(0))).toEqual([young.kid, old.kid])
    expect(kids(shelf.list(2000 + GRACE_MS - 1))).toEqual([young.kid, old.kid])
    expect(kids(shelf.list(2000 + GRACE_MS))).toEqual([young.kid])
    expect(kids(shelf.list(9e12))).toEqual([young.kid])
  })

  it('keeps no former key that no token named', () => {
    const [old, young] = keys as [SealKey, SealKey]
    const shelf = createSealKeyShelf()
    expect(shelf.list(0)).toEqual([])
    shelf.adopt([old, young], named(old, 1000))
    expect(kids(shelf.list(0))).toEqual([old.kid, young.kid])
    shelf.adopt([])
    expect(kids(shelf.list(0))).toEqual([old.kid])
  })

  it('gives the same array until it changes', () => {
    const [old, young] = keys as [SealKey, SealKey]
    const shelf = createSealKeyShelf()
    shelf.adopt([old], named(old, 1000))
    expect(shelf.list(5)).toBe(shelf.list(1e12))
    shelf.adopt([young], named(young, 2000))
    const both = shelf.list(0)
    expect(shelf.list(1)).toBe(both)
    expect(shelf.list(1000 + GRACE_MS)).not.toBe(both)
    expect(shelf.list(1000 + GRACE_MS)).toBe(shelf.list(9e12))
  })

  it('takes a former key back', () => {
    const [old, young] = keys as [SealKey, SealKey]
    const shelf = createSealKeyShelf()
    shelf.adopt([old], named(old, 1000))
    shelf.adopt([young], named(young, 1000))
    shelf.adopt([old], named(old, 5000))
    expect(kids(shelf.list(0))).toEqual([old.kid, young.kid])
    expect(kids(shelf.list(4000 + GRACE_MS))).toEqual([old.kid])
  })
})
