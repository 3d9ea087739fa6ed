import { describe, expect, it } from 'vitest'
import { createFingerprint, permute } from '../../src/replay/fingerprint.ts'

const KEY = [0x833d3433, 0x009f389f, 0x2398e64f, 0x417acf39]

function timesTwo([a = 0, b = 0, c = 0, d = 0]: readonly number[]): number[] {
  const carry = d >>> 31 === 1 ? 0x87 : 0
  return [(a << 1) ^ carry, (b << 1) | (a >>> 31), (c << 1) | (b >>> 31), (d << 1) | (c >>> 31)]
}

/** Chaskey-12 of at most one block, to hold the permutation against published tags. */
function chaskey(block: readonly number[], subkey: readonly number[]): string {
  const state = new Uint32Array(KEY.map((word, i) => word ^ (block[i] ?? 0) ^ (subkey[i] ?? 0)))
  permute(state)
  return [...state].map((word, i) => ((word ^ (subkey[i] ?? 0)) >>> 0).toString(16).padStart(8, '0')).join(' ')
}

describe('permute', () => {
  it('gives the published tags of Chaskey-12 for no message and for one whole block', () => {
    const whole = timesTwo(KEY)
    expect(chaskey([1, 0, 0, 0], timesTwo(whole))).toBe('43cb1f41 51eba0c2 ff0a8ac3 7ee3f642')
    expect(chaskey([0x03020100, 0x07060504, 0x0b0a0908, 0x0f0e0d0c], whole)).toBe('5dd0e2a9 fb5eac8c 633a392e 500c36f3')
  })
})

describe('createFingerprint', () => {
  const seed = new Uint32Array(KEY)
  const print = (text: string, owner = 1, from = seed) =>
    [...createFingerprint(from)(owner, text).subarray(0, 3)].join()

  it('gives the same for the same owner, text and seed', () => {
    expect(print('nonce')).toBe(print('nonce'))
  })

  it('differs by owner and by each word of the seed', () => {
    const prints = [print('nonce'), print('nonce', 2)]
    for (let word = 0; word < 4; word++) {
      const other = new Uint32Array(seed)
      other[word] = (other[word] as number) ^ 1
      prints.push(print('nonce', 1, other))
    }
    expect(new Set(prints).size).toBe(prints.length)
  })

  it('differs by each character, by length and beyond 8 bits', () => {
    const texts = ['', '\0', '\0\0', 'a', 'a\0', 'b', 'ab', 'ba', 'abc', 'abcd', 'abcde', 'abcdef', 'š', 'a\u0100', '𝕒']
    const long = 'x'.repeat(40)
    for (let i = 0; i < long.length; i++) texts.push(`${long.slice(0, i)}y${long.slice(i + 1)}`)
    expect(new Set(texts.map((text) => print(text))).size).toBe(texts.length)
  })

  it('spreads similar texts over all bits', () => {
    const make = createFingerprint(seed)
    const ones = new Array<number>(96).fill(0)
    for (let i = 0; i < 4_000; i++) {
      const found = make(1, `n${i}`)
      for (let bit = 0; bit < 96; bit++) ones[bit] = (ones[bit] ?? 0) + (((found[bit >> 5] ?? 0) >>> (bit & 31)) & 1)
    }
    // Seven standard deviations around the half.
    for (const count of ones) expect(Math.abs(count - 2_000)).toBeLessThan(222)
  })
})
