import { describe, expect, it } from 'vitest'
import { CallerIndex } from '../../src/policy/caller-index.ts'
import { refusal } from '../core/refusal.ts'

describe('CallerIndex', () => {
  it('gives one pattern one number', () => {
    const index = new CallerIndex()
    const numbers = ['spiffe://a.test/x', 'spiffe://a.test/*', 'spiffe://a.test/x', 'anonymous'].map((each) =>
      index.add(each),
    )
    expect(numbers).toEqual([0, 1, 0, 2])
  })

  it('finds every pattern that covers an identifier', () => {
    const index = new CallerIndex()
    const patterns = [
      'spiffe://a.test/x/y',
      'spiffe://a.test/x/*',
      'spiffe://a.test/x/**',
      'spiffe://a.test/**',
      'spiffe://a.test/*',
    ]
    for (const pattern of patterns) index.add(pattern)
    expect(index.covering('spiffe://a.test/x/y').sort()).toEqual([0, 1, 2, 3])
    expect(index.covering('spiffe://a.test/z').sort()).toEqual([3, 4])
    expect(index.covering('spiffe://b.test/z')).toEqual([])
  })

  it('takes an identifier that is written like a pattern for what it is', () => {
    const index = new CallerIndex()
    for (const pattern of ['https://a.test/*', 'https://a.test/x/*']) index.add(pattern)
    expect(index.covering('https://a.test/**')).toEqual([0])
    expect(index.covering('https://a.test/*/*')).toEqual([])
  })

  it('takes no empty segment for what an asterisk stands for', () => {
    const index = new CallerIndex()
    for (const pattern of ['https://a.test/x/*', 'https://a.test/x/**', 'https://a.test/**']) index.add(pattern)
    expect(index.covering('https://a.test/x/')).toEqual([])
    expect(index.covering('https://a.test/x//y')).toEqual([])
  })

  it('takes no pattern that is not of the language', () => {
    expect(refusal(() => new CallerIndex().add('spiffe://a.test/x*')).code).toBe('option-invalid')
  })

  it('looks at a long identifier no further than there are patterns', () => {
    const index = new CallerIndex()
    index.add('spiffe://a.test/x/**')
    expect(index.covering(`spiffe://a.test/x${'/x'.repeat(1000)}`)).toEqual([0])
  })
})
