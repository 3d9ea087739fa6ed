import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { toBase64url } from '../../src/core/base64url.ts'
import { fromUtf8, utf8 } from '../../src/core/bytes.ts'
import type { Jwk } from '../../src/crypto/primitives.ts'
import { encodeGrant, encodeOffer, MAX_HANDSHAKE_BYTES, readGrant, readOffer } from '../../src/session/handshake.ts'
import { freshJwk, publicOf } from '../envelope/fixtures.ts'

const p256 = await freshJwk('P-256')
const x25519 = await freshJwk('X25519')
const ID = 'AAAAAAAAAAAAAAAAAAAAAA'

const offer = (change: Record<string, unknown> = {}) => utf8(JSON.stringify({ v: 1, kex: publicOf(p256), ...change }))
const grant = (change: Record<string, unknown> = {}) =>
  utf8(JSON.stringify({ v: 1, id: ID, kex: publicOf(p256), expiresIn: 600, seal: false, ...change }))
const isRead = (change: Record<string, unknown>) => readGrant(grant(change), 'P-256') !== undefined

/** Reads a document as an offer and as a grant. */
const read = (change: Record<string, unknown>) => [readOffer(offer(change)), readGrant(grant(change), 'P-256')]
const NEITHER = [undefined, undefined]

describe('the messages of a handshake', () => {
  it('are read as they were written, without the private half', () => {
    for (const jwk of [p256, x25519]) {
      const bytes = encodeOffer({ ...jwk, kid: 'k', use: 'enc' } as Jwk)
      expect(fromUtf8(bytes)).not.toContain('"d"')
      expect(JSON.parse(fromUtf8(bytes))).toEqual({ v: 1, kex: publicOf(jwk) })
      const share = readOffer(bytes)
      expect([share?.curve, share?.point.length]).toEqual([jwk.crv, jwk.crv === 'P-256' ? 65 : 32])
      const answer = encodeGrant({ id: ID, kex: { ...jwk, kid: 'k' } as Jwk, expiresIn: 60, seal: true })
      expect(fromUtf8(answer)).not.toContain('"d"')
      expect(readGrant(answer, jwk.crv as 'P-256')).toEqual({ ...share, id: ID, expiresIn: 60, seal: true })
    }
  })

  it('hold an uncompressed point', () => {
    const point = readOffer(offer())?.point ?? new Uint8Array(0)
    const coordinates = [point.subarray(1, 33), point.subarray(33)].map(toBase64url)
    expect([point[0], ...coordinates]).toEqual([4, p256.x, p256.y])
  })

  it('may say more than is known', () => {
    const kex = { ...publicOf(p256), kid: 'k', use: 'enc' }
    expect(readOffer(offer({ kex, more: 1 }))?.curve).toBe('P-256')
    expect(readGrant(grant({ kex, checkpoint: 'note' }), 'P-256')?.id).toBe(ID)
  })

  it('a handshake that is longer than 4 KiB is refused', () => {
    const padded = (bytes: Uint8Array, length: number) => utf8(fromUtf8(bytes).padEnd(length, ' '))
    expect(readOffer(padded(offer(), MAX_HANDSHAKE_BYTES))?.curve).toBe('P-256')
    expect(readOffer(padded(offer(), MAX_HANDSHAKE_BYTES + 1))).toBeUndefined()
    expect(readGrant(padded(grant(), MAX_HANDSHAKE_BYTES), 'P-256')?.id).toBe(ID)
    expect(readGrant(padded(grant(), MAX_HANDSHAKE_BYTES + 1), 'P-256')).toBeUndefined()
    expect(MAX_HANDSHAKE_BYTES).toBe(4096)
  })

  it('a handshake of another version is refused', () => {
    for (const v of [2, 0, '1', true, null, [1], undefined]) expect(read({ v }), String(v)).toEqual(NEITHER)
    for (const text of ['', '{', 'null', '1', '"v"', '[]', '[{"v":1}]', '{"v":1} x']) {
      expect([readOffer(utf8(text)), readGrant(utf8(text), 'P-256')], text).toEqual(NEITHER)
    }
    const notUtf8 = Uint8Array.from([...offer({ x: 'y' })].map((byte) => (byte === 0x79 ? 0xff : byte)))
    expect(readOffer(notUtf8)).toBeUndefined()
  })

  it('a handshake on a curve other than P-256 and X25519 is refused', () => {
    for (const crv of ['P-384', 'Ed25519', 'secp256k1', 'x25519', 'p-256', '', null, undefined, ['P-256']]) {
      expect(read({ kex: { ...publicOf(p256), crv } }), String(crv)).toEqual(NEITHER)
    }
    for (const kex of [undefined, null, 'P-256', 1, [], {}]) expect(read({ kex }), String(kex)).toEqual(NEITHER)
  })

  it('a handshake that shows a private key is refused', () => {
    expect(read({ kex: p256 })).toEqual(NEITHER)
    expect(read({ kex: { ...publicOf(p256), d: null } })).toEqual(NEITHER)
    expect(readOffer(offer({ kex: x25519 }))).toBeUndefined()
  })

  it('a key that is not whole is refused', () => {
    const { x, y } = p256
    for (const change of [
      { kty: 'OKP' },
      { kty: undefined },
      { x: undefined },
      { y: undefined },
      { y: '' },
      { x: `${x}=` },
      { x: `${x}`.slice(1) },
      { y: `${y}AA` },
      { x: 7 },
      { y: [y] },
    ]) {
      expect(read({ kex: { ...publicOf(p256), ...change } }), JSON.stringify(change)).toEqual(NEITHER)
    }
    for (const change of [{ kty: 'EC' }, { x: 'AAAA' }, { x: undefined }]) {
      expect(readOffer(offer({ kex: { ...publicOf(x25519), ...change } })), JSON.stringify(change)).toBeUndefined()
    }
  })
})

describe('what is granted', () => {
  it('a session whose name is not 128 bits in base64url is not used', () => {
    expect(isRead({ id: '_____________________w' })).toBe(true)
    for (const id of [
      undefined,
      null,
      1,
      '',
      ID.slice(1),
      `${ID}A`,
      `${ID}==`,
      ` ${ID}`,
      ID.replace(/A$/, 'B'),
      ID.replace('A', '+'),
      'A'.repeat(43),
      [ID],
    ]) {
      expect(isRead({ id }), String(id)).toBe(false)
    }
  })

  it('a session of no time or of more than ten minutes is not used', () => {
    for (const expiresIn of [1, 599, 600]) expect(isRead({ expiresIn }), String(expiresIn)).toBe(true)
    for (const expiresIn of [0, -1, 601, 1.5, 1e300, '600', null, undefined, true, [60]]) {
      expect(isRead({ expiresIn }), String(expiresIn)).toBe(false)
    }
  })

  it('a session on another curve than was offered is not used', () => {
    expect(readGrant(grant(), 'X25519')).toBeUndefined()
    expect(readGrant(grant({ kex: publicOf(x25519) }), 'P-256')).toBeUndefined()
    expect(readGrant(grant({ kex: publicOf(x25519) }), 'X25519')?.curve).toBe('X25519')
  })

  it('asks for sealing only in so many words', () => {
    for (const seal of ['true', 1, {}, null, undefined, false]) {
      expect(readGrant(grant({ seal }), 'P-256')?.seal, String(seal)).toBe(false)
    }
    expect(readGrant(grant({ seal: true }), 'P-256')?.seal).toBe(true)
  })
})

it('no bytes do more to a handshake than be refused', () => {
  const values = fc.oneof(
    fc.constant(1),
    fc.json().map((text) => JSON.parse(text) as unknown),
  )
  const documents = fc.record(
    {
      v: values,
      id: values,
      expiresIn: values,
      kex: fc.oneof(values, fc.record({ crv: values, kty: values, x: values, y: values })),
    },
    { requiredKeys: [] },
  )
  fc.assert(
    fc.property(documents, fc.uint8Array({ maxLength: 64 }), (document, bytes) => {
      for (const given of [utf8(JSON.stringify(document)), bytes]) {
        expect(readOffer(given)).toBeUndefined()
        expect(readGrant(given, 'X25519')).toBeUndefined()
      }
    }),
    { numRuns: 300 },
  )
})
