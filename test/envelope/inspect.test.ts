import { describe, expect, it } from 'vitest'
import { createKeyring, inspect, recipient, seal } from '../../src/envelope.ts'
import { failureOf, freshJwk, pattern, publicOf } from './fixtures.ts'

const keyring = createKeyring({ primary: 'k', keys: { k: pattern(32) } })

describe('inspect', () => {
  it('tells suite, key ids, sizes', async () => {
    const peer = recipient({ ...publicOf(await freshJwk('P-256')), kid: 'peer' })
    const envelope = await seal(pattern(16_384), { to: [keyring, peer] })
    expect(inspect(envelope)).toEqual({
      suite: 1,
      kids: [
        { type: 1, kid: 'k' },
        { type: 16, kid: 'peer' },
      ],
      headerBytes: 96 + 3 + 74 + 3 + 118,
      chunks: 2,
    })
    expect(inspect(await seal(pattern(0), { to: keyring })).chunks).toBe(1)
  })

  it('names no key id for a type it does not know', async () => {
    const envelope = await seal(pattern(1), { to: keyring })
    envelope[8] = 0x7e
    expect(inspect(envelope).kids).toEqual([{ type: 0x7e }])
  })

  it('refuses what has no readable header', async () => {
    expect(await failureOf(() => inspect(pattern(300)))).toEqual({ code: 'unopened', step: 'malformed' })
    expect(await failureOf(() => inspect(pattern(0)))).toEqual({ code: 'unopened', step: 'truncated' })
  })
})
