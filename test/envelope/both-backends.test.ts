import { describe, expect, it, vi } from 'vitest'
import { concat } from '../../src/core/bytes.ts'
import { pointOf } from '../../src/crypto/members.ts'
import type { Jwk } from '../../src/crypto/primitives.ts'
import { freshJwk, isSame, pattern, publicOf } from './fixtures.ts'

const context = { tenant: 'acme', id: '42' }
const MODES = [
  ['chunks', false],
  ['records', true],
] as const
const kek = pattern(32)
const privateKeys = { p256: await freshJwk('P-256'), x25519: await freshJwk('X25519') }
const withPoint = (jwk: Jwk) => ({ jwk, point: pointOf(jwk) })
const ephemerals = { 'P-256': withPoint(await freshJwk('P-256')), X25519: withPoint(await freshJwk('X25519')) }

/** A copy of the library of its own, on one implementation of `#crypto`. */
async function libraryOn(name: 'node' | 'web') {
  vi.resetModules()
  vi.doMock('#crypto', () => (name === 'node' ? import('../../src/crypto/node.ts') : import('../../src/crypto/web.ts')))
  const { primitives } = await import('#crypto')
  const { EnvelopeSealer } = await import('../../src/envelope/seal-stream.ts')
  const { EnvelopeOpener } = await import('../../src/envelope/open-stream.ts')
  const { createKeyring, recipient } = await import('../../src/envelope.ts')
  const { fixedEntropy } = await import('./fixtures.ts')
  const to = [
    createKeyring({ primary: 'kek1', keys: { kek1: kek } }),
    ...Object.entries(privateKeys).map(([kid, jwk]) => recipient({ ...publicOf(jwk), kid })),
  ]
  const entropy = () =>
    fixedEntropy({ dataKey: pattern(33).subarray(1), salt: pattern(24), wrapSalt: pattern(25).subarray(1), ephemerals })

  async function seal(pieces: readonly Uint8Array[], records: boolean): Promise<Uint8Array> {
    const sealer = new EnvelopeSealer({ to, context, records }, entropy())
    const sealed: Uint8Array[] = []
    const put = (piece: Uint8Array) => void sealed.push(piece.slice())
    await sealer.start(put)
    for (const piece of pieces) await sealer.push(piece, put)
    await sealer.end(put)
    return concat(...sealed)
  }

  async function open(pieces: readonly Uint8Array[], kid: 'kek1' | keyof typeof privateKeys): Promise<Uint8Array> {
    const key = kid === 'kek1' ? kek : privateKeys[kid]
    const opener = new EnvelopeOpener({ with: createKeyring({ primary: kid, keys: { [kid]: key } }), context })
    const opened: Uint8Array[] = []
    const put = (piece: Uint8Array) => void opened.push(piece.slice())
    for (const piece of pieces) await opener.push(piece, put)
    await opener.end(put)
    return concat(...opened)
  }

  return { name: primitives.name, seal, open }
}

const node = await libraryOn('node')
const web = await libraryOn('web')

/** Cuts bytes at places that look random and are the same in every run. */
function cut(bytes: Uint8Array, seed: number): Uint8Array[] {
  let state = seed
  const pieces: Uint8Array[] = []
  for (let at = 0; at < bytes.length; ) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    // Short pieces and long ones: the exponent is what is drawn first.
    const longest = 2 ** (1 + ((state >>> 8) % 20))
    const length = 1 + ((state >>> 4) % longest)
    pieces.push(bytes.subarray(at, at + length))
    at += length
  }
  return pieces
}

describe.each(MODES)('a stream of %s on both implementations', (mode, records) => {
  it.each([0, 1, 262_143, 262_144, 262_145, 1_000_000])(
    'of %i bytes is the same, and opens by the other',
    async (length) => {
      expect([node.name, web.name]).toEqual(['node', 'web'])
      const plaintext = pattern(length)
      const whole = await node.seal([plaintext], records)
      for (const seed of [1, 2, 3, 4]) {
        const pieces = cut(plaintext, seed)
        const byNode = await node.seal(pieces, records)
        const byWeb = await web.seal(pieces, records)
        expect(isSame(byNode, byWeb)).toBe(true)
        // Of chunks nothing shows how the content came; of records everything does.
        if (mode === 'chunks') expect(isSame(byNode, whole)).toBe(true)
        for (const kid of ['kek1', 'p256', 'x25519'] as const) {
          expect(isSame(await web.open(cut(byNode, seed + 10), kid), plaintext)).toBe(true)
          expect(isSame(await node.open(cut(byWeb, seed + 20), kid), plaintext)).toBe(true)
        }
      }
    },
  )
})
