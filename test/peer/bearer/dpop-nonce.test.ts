import { describe, expect, it } from 'vitest'
import { createDpopNonces } from '../../../src/peer/bearer/dpop-nonce.ts'
import { createFakeClock } from '../../../src/testing/fake-clock.ts'

const secret = new Uint8Array(32).fill(7)
const START = 1_800_000_000_000

describe('a nonce for DPoP', () => {
  it('holds for one to two minutes, and in every process that has the secret', async () => {
    const clock = createFakeClock(START)
    const [ours, theirs] = [createDpopNonces(secret, clock), createDpopNonces(secret, clock)]
    const nonce = await ours.make()
    expect(nonce).toMatch(/^[\w-]{30}$/)
    for (let second = 0; second < 60; second++) {
      expect(await theirs.holds(nonce)).toBe(true)
      clock.advance(1)
    }
    clock.advance(59)
    expect(await ours.holds(nonce)).toBe(true)
    clock.advance(1)
    expect(await ours.holds(nonce)).toBe(false)
  })

  it('changes with each minute', async () => {
    const clock = createFakeClock(START)
    const nonces = createDpopNonces(secret, clock)
    const first = await nonces.make()
    expect(await nonces.make()).toBe(first)
    clock.advance(60)
    expect(await nonces.make()).not.toBe(first)
  })

  it('of another secret, changed, cut, of the future or in another spelling does not hold', async () => {
    const clock = createFakeClock(START)
    const nonces = createDpopNonces(secret, clock)
    const good = await nonces.make()
    const foreign = await createDpopNonces(new Uint8Array(32), clock).make()
    const early = await createDpopNonces(secret, createFakeClock(START + 60_000)).make()
    const flipped = [...good].map((_, i) => good.slice(0, i) + (good[i] === 'A' ? 'B' : 'A') + good.slice(i + 1))
    for (const bad of [foreign, early, '', good.slice(1), `${good}A`, `${good}=`, ` ${good}`, ...flipped])
      expect([bad, await nonces.holds(bad)]).toEqual([bad, false])
  })
})
