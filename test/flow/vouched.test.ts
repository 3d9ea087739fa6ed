import { describe, expect, it } from 'vitest'
import { CountersignError } from '../../src/core/errors.ts'
import { isVouched, type Vouching } from '../../src/flow/vouched.ts'
import type { TokenVerifier, VerifiedToken } from '../../src/token/verify-wit.ts'
import type { Trust } from '../../src/trust/trust.ts'

// Only what is looked at of a token and of trust.
const token = { token: 'a.b.c', id: { id: 'spiffe://acme.test/orders' } } as VerifiedToken
const version = (generation: number, assertFresh = () => {}) => ({ generation, assertFresh }) as unknown as Trust

/** A trust whose version is set by hand, and a verifier that writes down what it was asked. */
function createVouching(verdict: () => VerifiedToken | Promise<VerifiedToken>) {
  const asked: [string, number][] = []
  const state = { generation: 1, assertFresh: () => {} }
  const verify: TokenVerifier['verify'] = (text, { generation }) => {
    asked.push([text, generation])
    return verdict()
  }
  const trust = {
    current: () => version(state.generation, state.assertFresh),
    reload: async () => undefined,
    renew: async () => undefined,
    health: () => [],
    close: () => undefined,
  }
  const vouching: Vouching = { tokens: { verify }, trust }
  return { vouching, asked, state }
}

describe('whether trust still vouches for the token behind a session', () => {
  it('a session is not kept up by trust that has grown too old', async () => {
    const { vouching, state } = createVouching(() => token)
    state.assertFresh = () => {
      throw new CountersignError('trust-unavailable')
    }
    expect(() => isVouched(vouching, { token, generation: 1 })).toThrow('too long')
    state.assertFresh = () => {}
    expect(isVouched(vouching, { token, generation: 1 })).toBe(true)
  })

  it('does not end because trust could not be refreshed', async () => {
    const { vouching, state } = createVouching(() => {
      throw new CountersignError('trust-unavailable')
    })
    state.generation = 2
    await expect(isVouched(vouching, { token, generation: 1 })).rejects.toThrow('too long')
  })

  it('is not asked again under the version that has vouched for it, and is known at once', () => {
    const { vouching, asked } = createVouching(() => token)
    expect(isVouched(vouching, { token, generation: 1 })).toBe(true)
    expect(asked).toEqual([])
  })

  it('is asked once for each other version, the one before as well', async () => {
    const { vouching, asked, state } = createVouching(async () => token)
    const held = { token, generation: 1 }
    for (const generation of [2, 7, 3]) {
      state.generation = generation
      expect(await isVouched(vouching, held)).toBe(true)
      expect(await isVouched(vouching, held)).toBe(true)
      expect(held.generation).toBe(generation)
    }
    expect(asked).toEqual([
      ['a.b.c', 2],
      ['a.b.c', 7],
      ['a.b.c', 3],
    ])
  })

  it('is denied for whatever reason the token is refused, and stays to be asked', async () => {
    for (const code of ['token-untrusted', 'token-revoked', 'token-expired', 'token-invalid'] as const) {
      const { vouching, asked, state } = createVouching(() => {
        throw new CountersignError(code)
      })
      state.generation = 2
      const held = { token, generation: 1 }
      expect([await isVouched(vouching, held), await isVouched(vouching, held)], code).toEqual([false, false])
      expect([held.generation, asked.length]).toEqual([1, 2])
    }
  })

  it('is written down for the version that was asked, not for one that came meanwhile', async () => {
    let answer: (verified: VerifiedToken) => void = () => undefined
    const { vouching, state } = createVouching(() => new Promise((resolve) => (answer = resolve)))
    state.generation = 2
    const held = { token, generation: 1 }
    const pending = isVouched(vouching, held)
    state.generation = 3
    answer(token)
    expect([await pending, held.generation]).toEqual([true, 2])
  })

  it('is not taken for denied where the verifier is broken', async () => {
    const { vouching, state } = createVouching(() => Promise.reject(new TypeError('a bug')))
    state.generation = 2
    await expect(isVouched(vouching, { token, generation: 1 })).rejects.toThrow('a bug')
  })
})
