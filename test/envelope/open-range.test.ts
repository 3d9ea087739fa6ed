import { describe, expect, it } from 'vitest'
import { concat } from '../../src/core/bytes.ts'
import { createKeyring } from '../../src/envelope/keyring.ts'
import { type OpenRangeOptions, openRange, type RangeSource } from '../../src/envelope/open-range.ts'
import { seal } from '../../src/envelope/seal.ts'
import { sealStream } from '../../src/envelope/seal-stream.ts'
import { failureOf, isSame, passed, pattern } from './fixtures.ts'

const ring = createKeyring({ primary: 'kek1', keys: { kek1: pattern(32) } })
const context = { bucket: 'films', id: '7' }
const HEADER = 96 + 3 + 1 + 4 + 24 + 48
const opens = { with: ring, context }

/** A source that notes what was read of it. */
function noting(envelope: Uint8Array): RangeSource & { readonly reads: [number, number][] } {
  const reads: [number, number][] = []
  return {
    reads,
    size: envelope.length,
    read: async (start, length) => {
      reads.push([start, length])
      return envelope.subarray(start, start + length)
    },
  }
}

describe.each([
  ['short chunks', 50_000, 16_384],
  ['long chunks', 600_000, 262_144],
])('a range of an envelope of %s', (_name, total, chunkBytes) => {
  const plaintext = pattern(total)
  const edges = [0, 1, chunkBytes - 1, chunkBytes, chunkBytes + 1, 2 * chunkBytes, total - 1, total, total + 1]

  it('gives what stands there, wherever it begins and ends', async () => {
    const envelope = await seal(plaintext, { to: ring, context })
    for (const start of edges) {
      expect(isSame(await openRange(envelope, { ...opens, start }), plaintext.subarray(start))).toBe(true)
      for (const length of [0, 1, 100, chunkBytes, chunkBytes + 2, total]) {
        const given = await openRange(envelope, { ...opens, start, length })
        expect(isSame(given, plaintext.subarray(start, start + length)), `${start} + ${length}`).toBe(true)
      }
    }
  })

  it('reads no more than the header and the chunks around it', async () => {
    const source = noting(await seal(plaintext, { to: ring, context }))
    await openRange(source, { ...opens, start: chunkBytes + 5, length: 10 })
    expect(source.reads).toEqual([
      [0, 16_384],
      [HEADER + chunkBytes + 16, chunkBytes + 16],
    ])
  })

  it('a range that reaches the end of an envelope is refused where its last chunk does not hold', async () => {
    const envelope = await seal(plaintext, { to: ring, context })
    const cut = envelope.subarray(0, HEADER + 2 * (chunkBytes + 16))
    const refused = async (options: Omit<OpenRangeOptions, 'with'>, of = cut) =>
      (await failureOf(() => openRange(of, { ...opens, ...options }))).step
    expect(await refused({ start: 0 })).toBe('truncated')
    expect(await refused({ start: 0, length: 2 * chunkBytes })).toBe('truncated')
    expect(await refused({ start: 3 * chunkBytes })).toBe('truncated')
    expect(await refused({ start: chunkBytes, length: chunkBytes - 1 })).toBeUndefined()
    expect(await refused({ start: total - 1 }, envelope.subarray(0, envelope.length - 1))).toBe('chunk-auth')
  })
})

describe('a range', () => {
  it('comes from a Blob, too', async () => {
    const envelope = await seal(pattern(40_000), { to: ring, context })
    expect(await openRange(new Blob([envelope]), { ...opens, start: 9, length: 20_000 })).toEqual(
      pattern(40_000).slice(9, 20_009),
    )
  })

  it('a range that does not begin and end at a byte is refused', async () => {
    const envelope = await seal(pattern(9), { to: ring, context })
    for (const range of [
      { start: -1 },
      { start: 0.5 },
      { start: Number.NaN },
      { start: 0, length: -1 },
      { start: 0, length: 1.5 },
    ]) {
      expect((await failureOf(() => openRange(envelope, { ...opens, ...range }))).code).toBe('option-invalid')
    }
  })

  it('a range larger than the limit is refused before a chunk is opened', async () => {
    const source = noting(await seal(pattern(40_000), { to: ring, context }))
    const range = { start: 0, length: 30_000, maxPlaintextBytes: 29_999 }
    expect(await failureOf(() => openRange(source, { ...opens, ...range }))).toEqual({
      code: 'unopened',
      step: 'too-large',
    })
    const whole = { start: 0, maxPlaintextBytes: 39_999 }
    expect((await failureOf(() => openRange(source, { ...opens, ...whole }))).step).toBe('too-large')
    expect(source.reads).toEqual([
      [0, 16_384],
      [0, 16_384],
    ])
  })

  it('an envelope of records is not opened in parts', async () => {
    const { pieces } = await passed(sealStream({ to: ring, context, records: true }), [pattern(9)])
    const failure = await failureOf(() => openRange(concat(...pieces), { ...opens, start: 0 }))
    expect(failure).toEqual({ code: 'option-invalid', option: 'source' })
  })

  it('a source that gives other than the bytes it was asked for is refused', async () => {
    const envelope = await seal(pattern(9), { to: ring, context })
    for (const read of [
      async (start: number, length: number) => envelope.subarray(start, start + length - 1),
      async (start: number) => envelope.subarray(start),
    ]) {
      const source = { size: envelope.length - 1, read }
      expect((await failureOf(() => openRange(source, { ...opens, start: 0 }))).code).toBe('unopened')
    }
  })

  it('opens under its own context alone, and shows no chunk that was changed', async () => {
    const envelope = await seal(pattern(40_000), { to: ring, context })
    const elsewhere = { ...opens, context: { ...context, id: '8' }, start: 0 }
    expect((await failureOf(() => openRange(envelope, elsewhere))).step).toBe('commitment')
    envelope[HEADER + 20_000] = 255 - (envelope[HEADER + 20_000] as number)
    expect((await failureOf(() => openRange(envelope, { ...opens, start: 17_000, length: 5 }))).step).toBe('chunk-auth')
    expect(await openRange(envelope, { ...opens, start: 5, length: 5 })).toEqual(pattern(10).slice(5))
  })
})
