import { expect, it } from 'vitest'
import { keyringOf } from '../../src/flow/keyring-of.ts'
import { generateKey } from '../../src/keys/jwk.ts'

it('a sealed body for a workload without a seal key is refused', () => {
  expect(() => keyringOf([])).toThrow(expect.objectContaining({ code: 'unopened' }))
})

it('makes one keyring for one state of the keys', async () => {
  const jwk = await generateKey({ alg: 'X25519' })
  const keys = [{ kid: String(jwk.kid), jwk, curve: 'X25519' as const }]
  expect(keyringOf(keys)).toBe(keyringOf(keys))
})
