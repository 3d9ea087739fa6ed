import { expect, it } from 'vitest'
import { callOf } from '../../src/adapters/call-of.ts'

it('a request that no guard has judged has no call', () => {
  for (const request of [{}, { req: {} }, { req: null }, new Request('https://a.test')]) {
    expect(() => callOf(request)).toThrow(expect.objectContaining({ code: 'guard-missing' }))
  }
  expect(() => callOf({})).toThrow('mount guard')
})
