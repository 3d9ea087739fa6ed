import { describe, expect, it } from 'vitest'
import { hex } from '../../src/core/bytes.ts'
import { randomBytes, randomNonce, randomUuid } from '../../src/core/random.ts'

describe('random', () => {
  it('gives as many bytes as were asked for, from the pool and beyond it', () => {
    for (const length of [0, 1, 12, 16, 32, 1024, 1025, 65_536]) expect(randomBytes(length)).toHaveLength(length)
  })

  it('gives no bytes twice, across refills of the pool too', () => {
    const seen = new Set(Array.from({ length: 2000 }, () => hex(randomBytes(16))))
    expect(seen.size).toBe(2000)
    expect(seen.has('00'.repeat(16))).toBe(false)
  })

  it('gives bytes of their own: the pool cannot be seen through them', () => {
    const bytes = randomBytes(16)
    expect(bytes.buffer.byteLength).toBe(16)
  })

  it('makes nonces of 128 bits and UUIDs of version 4', () => {
    expect(randomNonce()).toMatch(/^[A-Za-z0-9_-]{22}$/)
    expect(randomUuid()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  })
})
