import { describe, expect, it } from 'vitest'
import { primitives } from '#crypto'
import { hex } from '../../src/core/bytes.ts'
import type { BodyKey } from '../../src/envelope/body-key.ts'
import { chunkCount, nextIndex, nonceAt, openChunks, sealChunks, sealedLength } from '../../src/envelope/chunks.ts'
import { failureOf, pattern } from './fixtures.ts'

const CHUNK = 64
const SEALED = CHUNK + 16

async function bodyKey(): Promise<BodyKey> {
  const suite = { id: 1, chunkBytes: CHUNK, hasRecords: false }
  return { key: await primitives.aeadKey(pattern(32)), baseNonce: pattern(12), suite }
}

async function sealed(length: number): Promise<Uint8Array> {
  const body = new Uint8Array(sealedLength(length, CHUNK))
  await sealChunks(await bodyKey(), pattern(length), body)
  return body
}

const stepOf = async (body: Uint8Array, limit = 10_000) =>
  (await failureOf(async () => openChunks(await bodyKey(), body, limit))).step

describe('chunks', () => {
  it('round-trips every length around the edges', async () => {
    for (const length of [0, 1, 47, 48, 63, 64, 65, 127, 128, 129, 640]) {
      const body = await sealed(length)
      expect(chunkCount(body.length, CHUNK)).toBe(Math.floor(length / CHUNK) + 1)
      expect(await openChunks(await bodyKey(), body, length)).toEqual(pattern(length))
    }
  })

  it('a plaintext larger than the limit is refused before a chunk is opened', async () => {
    for (const length of [1, 64, 65, 128]) {
      const body = await sealed(length)
      body[0] = 255 - (body[0] as number)
      expect(await stepOf(body, length - 1)).toBe('too-large')
      expect(await stepOf(body, length)).toBe('chunk-auth')
    }
  })

  it('an envelope that ends after a full chunk or within a tag is refused', async () => {
    const body = await sealed(3 * CHUNK)
    for (const end of [0, 1, 15, SEALED, SEALED + 1, SEALED + 15, 2 * SEALED, 3 * SEALED, 3 * SEALED + 15]) {
      expect(await stepOf(body.subarray(0, end)), `cut at ${end}`).toBe('truncated')
    }
  })

  it('a chunk whose tag does not hold is refused', async () => {
    const body = await sealed(3 * CHUNK + 5)
    for (let at = 0; at < body.length; at++) {
      const changed = Uint8Array.from(body)
      changed[at] = (changed[at] as number) ^ 1
      expect(await stepOf(changed), `byte ${at}`).toBe('chunk-auth')
    }
  })

  it('refuses chunks that were swapped, doubled, dropped or appended to', async () => {
    const body = await sealed(2 * CHUNK + 5)
    const chunks = [body.subarray(0, SEALED), body.subarray(SEALED, 2 * SEALED), body.subarray(2 * SEALED)]
    const [a, b, last] = chunks as [Uint8Array, Uint8Array, Uint8Array]
    for (const parts of [[b, a, last], [a, a, b, last], [b, last], [a, last], [last], [a, b, last, pattern(1)]]) {
      const joined = Uint8Array.from(parts.flatMap((part) => [...part]))
      expect(await stepOf(joined)).toBe('chunk-auth')
    }
  })

  it('a body of more than 2^32 pieces is neither sealed nor opened', async () => {
    expect(nextIndex(2 ** 32 - 1)).toBe(2 ** 32 - 1)
    expect(await failureOf(() => nextIndex(2 ** 32))).toEqual({ code: 'unopened', step: 'too-large' })
  })

  it('counts into the last four bytes of the nonce', () => {
    const base = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 0xff, 0, 0, 1)
    expect(hex(nonceAt(base, 0))).toBe(hex(base))
    expect(hex(nonceAt(base, 1))).toBe('0102030405060708ff000000')
    expect(hex(nonceAt(base, 0xffffffff))).toBe('010203040506070800fffffe')
    expect(hex(base)).toBe('0102030405060708ff000001')
  })
})
