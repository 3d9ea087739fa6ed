import { expect, it } from 'vitest'
import { createRation } from '../../src/flow/ration.ts'

it('gives each address so many a second', () => {
  let now = 0
  const ration = createRation({ count: 2, perMs: 1000, monotonicMs: () => now })
  const taken = (address: string) => [1, 2, 3].map(() => ration.take(address))
  expect(taken('192.0.2.1')).toEqual([true, true, false])
  expect(taken('192.0.2.2')).toEqual([true, true, false])
  now = 999
  expect(ration.take('192.0.2.1')).toBe(false)
  now = 1000
  expect(taken('192.0.2.1')).toEqual([true, true, false])
})

it('lets all addresses beyond its bound share what one would get', () => {
  const ration = createRation({ count: 1, perMs: 1000, monotonicMs: () => 0 })
  for (let i = 0; i < 9_999; i++) expect(ration.take(`a${i}`)).toBe(true)
  expect(ration.take('known')).toBe(true)
  expect([ration.take('known'), ration.take('late'), ration.take('later')]).toEqual([false, true, false])
})

it('counts within the span it is given', () => {
  let now = 59_999
  const ration = createRation({ count: 1, perMs: 60_000, monotonicMs: () => now })
  expect([ration.take('a'), ration.take('a')]).toEqual([true, false])
  now = 60_000
  expect([ration.take('a'), ration.take('a'), ration.take('b')]).toEqual([true, false, true])
  now = 119_999
  expect([ration.take('a'), ration.take('b')]).toEqual([false, false])
})
