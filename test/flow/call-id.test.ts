import fc from 'fast-check'
import { expect, it } from 'vitest'
import { toBase64url } from '../../src/core/base64url.ts'
import { callIdOf } from '../../src/flow/call-id.ts'

it('writes a nonce of 128 bits as a UUID, and makes one up for any other', () => {
  expect(callIdOf('AAAAAAAAAAAAAAAAAAAAAA')).toBe('00000000-0000-4000-8000-000000000000')
  expect(callIdOf('_____________________w')).toBe('ffffffff-ffff-4fff-bfff-ffffffffffff')
  for (const nonce of [undefined, '', 'AAAA', 'A'.repeat(43), 'not base64url!']) {
    expect(callIdOf(nonce)).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(callIdOf(nonce)).not.toBe(callIdOf(nonce))
  }
})

it('mixes the counter of a session into its name', () => {
  const session = 'AAAAAAAAAAAAAAAAAAAAAA'
  expect(callIdOf(`${session}.1`)).toBe('00000000-0000-4000-8000-000000000001')
  expect(callIdOf(`${session}.258`)).toBe('00000000-0000-4000-8000-000000000102')
  expect(callIdOf(`${session}.4294967296`)).toBe('00000000-0000-4000-8000-000100000000')
  expect(callIdOf(`${session}.9007199254740991`)).toBe('00000000-0000-4000-801f-ffffffffffff')
  expect(callIdOf('_____________________w.1')).toBe('ffffffff-ffff-4fff-bfff-fffffffffffe')
})

it('gives each call of a session an id of its own, the same one each time', () => {
  const counters = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER })
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), counters, counters, (id, a, b) => {
      const session = toBase64url(id)
      expect(callIdOf(`${session}.${a}`)).toBe(callIdOf(`${session}.${a}`))
      expect(callIdOf(`${session}.${a}`) === callIdOf(`${session}.${b}`)).toBe(a === b)
    }),
  )
})

it('makes an id up for what is no counter of a session', () => {
  for (const name of ['AAAAAAAAAAAAAAAAAAAAAA.0', 'AAAAAAAAAAAAAAAAAAAAAA.', 'AAAA.1', 'AAAAAAAAAAAAAAAAAAAAAB.1']) {
    expect(callIdOf(name), name).not.toBe(callIdOf(name))
  }
})
