import { hkdfSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { primitives } from '#crypto'
import { hex } from '../../src/core/bytes.ts'
import { contentKeys, expand, extract } from '../../src/envelope/derive.ts'
import { CHUNKED } from '../../src/envelope/suite.ts'
import { codeOf, pattern } from './fixtures.ts'

const key = () => primitives.macKey(pattern(32))

describe('derive', () => {
  it('more than 255 blocks of derived key are refused', async () => {
    expect((await expand(await key(), pattern(3), 8160)).length).toBe(8160)
    expect(await codeOf(async () => expand(await key(), pattern(3), 8161))).toBe('key-invalid')
  })

  it('equals the HKDF of the runtime', async () => {
    for (const length of [1, 31, 32, 33, 64, 76]) {
      for (const salt of [pattern(0), pattern(24)]) {
        const prk = await primitives.macKey(await extract(salt, pattern(32)))
        const expected = new Uint8Array(hkdfSync('sha256', pattern(32), salt, pattern(11), length))
        expect(await expand(prk, pattern(11), length)).toEqual(expected)
      }
    }
  })

  it('gives other keys for another suite, salt or context', async () => {
    const bound = { suite: CHUNKED, salt: pattern(24), context: pattern(2) }
    const others = [
      bound,
      { ...bound, suite: { ...CHUNKED, id: 2 } },
      { ...bound, salt: new Uint8Array(24) },
      { ...bound, context: pattern(3) },
    ]
    const commitments = new Set<string>()
    for (const other of others) commitments.add(hex((await contentKeys(await key(), other)).commitment))
    expect(commitments.size).toBe(others.length)
  })
})
