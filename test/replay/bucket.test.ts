import { describe, expect, it } from 'vitest'
import { Bucket } from '../../src/replay/bucket.ts'

const print = (a: number, b = 0, c = 0) => new Uint32Array([a, b, c, 0])

describe('Bucket', () => {
  it('has what was added, for the owner it was added for', () => {
    const bucket = new Bucket(0)
    bucket.add(print(7, 8, 9), 1)
    expect(bucket.has(print(7, 8, 9), 1)).toBe(true)
    expect(bucket.has(print(7, 8, 9), 2)).toBe(false)
    expect([print(6, 8, 9), print(7, 7, 9), print(7, 8, 8)].some((other) => bucket.has(other, 1))).toBe(false)
  })

  it('takes a fingerprint of zeros for a claim, not for an empty slot', () => {
    const bucket = new Bucket(0)
    expect(bucket.has(print(0), 1)).toBe(false)
    bucket.add(print(0), 1)
    expect(bucket.has(print(0), 1)).toBe(true)
  })

  it('keeps everything where all begin at the same slot, over the end of the table and while it grows', () => {
    const bucket = new Bucket(0)
    for (let i = 0; i < 500; i++) bucket.add(print(0xffffffff, i), 3)
    expect(bucket.size).toBe(500)
    for (let i = 0; i < 500; i++) expect(bucket.has(print(0xffffffff, i), 3)).toBe(true)
    expect(bucket.has(print(0xffffffff, 500), 3)).toBe(false)
  })

  it('grows by doubling, never fuller than three quarters', () => {
    const bucket = new Bucket(0)
    const sizes: number[] = []
    for (let i = 0; i < 100; i++) {
      bucket.add(print(i * 2654435761), 1)
      sizes.push(bucket.bytes / 16)
      expect(bucket.size / (bucket.bytes / 16)).toBeLessThanOrEqual(0.75)
    }
    expect([...new Set(sizes)]).toEqual([16, 32, 64, 128, 256].slice(0, new Set(sizes).size))
  })

  it('tells the owner of every claim', () => {
    const bucket = new Bucket(0)
    for (let i = 0; i < 30; i++) bucket.add(print(i), 1 + (i % 3))
    const seen: number[] = []
    bucket.forEachOwner((owner) => seen.push(owner))
    expect(seen.sort()).toEqual(Array.from({ length: 30 }, (_, i) => 1 + Math.floor(i / 10)))
  })
})
