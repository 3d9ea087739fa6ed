import { describe, expect, it } from 'vitest'
import type { Curve } from '../../src/crypto/suites.ts'
import { createHalf } from '../../src/session/agreement.ts'
import { encodeOffer, readOffer, type Share } from '../../src/session/handshake.ts'

/** What the other end reads of a half. */
function shareOf(half: Awaited<ReturnType<typeof createHalf>>): Share {
  const share = readOffer(encodeOffer(half.jwk))
  if (share === undefined) throw new Error('it cannot be read')
  return share
}

describe.each(['P-256', 'X25519'] as const)('two halves on %s', (curve: Curve) => {
  it('agree on one secret, another one each time', async () => {
    const [ours, theirs, third] = [await createHalf(curve), await createHalf(curve), await createHalf(curve)]
    const secret = await ours.agree(shareOf(theirs))
    expect(secret).toHaveLength(32)
    expect(await theirs.agree(shareOf(ours))).toEqual(secret)
    expect(await third.agree(shareOf(ours))).not.toEqual(secret)
  })

  it('show nothing of their private keys', async () => {
    const half = await createHalf(curve)
    const members = curve === 'P-256' ? ['crv', 'kty', 'x', 'y'] : ['crv', 'kty', 'x']
    expect(Object.keys(half.jwk).sort()).toEqual(members)
    expect(Object.keys(half).sort()).toEqual(['agree', 'jwk'])
  })

  it('yield no secret with a point that is not on the curve, or that forces one', async () => {
    const half = await createHalf(curve)
    const offCurve = new Uint8Array(curve === 'P-256' ? 65 : 32)
    if (curve === 'P-256') offCurve[0] = 4
    expect(await half.agree({ curve, point: offCurve })).toBeUndefined()
    if (curve === 'P-256') {
      const point = Uint8Array.from(shareOf(await createHalf(curve)).point)
      point[64] = (point[64] as number) ^ 1
      expect(await half.agree({ curve, point })).toBeUndefined()
    } else {
      // Of small order: every private key gives zero.
      const one = new Uint8Array(32)
      one[0] = 1
      expect(await half.agree({ curve, point: one })).toBeUndefined()
    }
  })

  it('yield no secret with a point of another length', async () => {
    const half = await createHalf(curve)
    const { point } = shareOf(await createHalf(curve))
    for (const wrong of [point.subarray(1), new Uint8Array(0), new Uint8Array(point.length + 1)]) {
      expect(await half.agree({ curve, point: Uint8Array.from(wrong) })).toBeUndefined()
    }
  })
})
