import { afterEach, describe, expect, it, vi } from 'vitest'
import { generateKey, publicJwk, thumbprint } from '../../src/keys/jwk.ts'
import { BearerHolder } from '../../src/token/bearer-holder.ts'
import type { BearerSource, GivenBearer } from '../../src/token/bearer-source.ts'
import { verifyDpop } from '../../src/token/dpop.ts'
import { clockAt, failureOf, NOW } from './fixtures.ts'

const NOW_MS = NOW * 1000

/** Gives token-1, token-2 …, each for so many seconds. */
function counting(lifeSeconds: number | undefined, now: () => number) {
  let asked = 0
  const source = async (): Promise<GivenBearer> => {
    asked++
    return { token: `token-${asked}`, ...(lifeSeconds === undefined ? {} : { expiresAt: now() + lifeSeconds * 1000 }) }
  }
  return { source, asked: () => asked }
}

function held(lifeSeconds?: number) {
  const clock = clockAt()
  const { source, asked } = counting(lifeSeconds, () => clock.now())
  const holder = new BearerHolder(source, clock)
  const token = async () => (await holder.current()).token
  return { clock, holder, asked, token }
}

const settle = () => new Promise((resolve) => setTimeout(resolve, 10))
const unavailable = (step: string) => ({ code: 'credentials-unavailable', detail: { step } })

afterEach(() => {
  vi.useRealTimers()
})

describe('BearerHolder', () => {
  it('asks once for a hundred calls at once', async () => {
    const { asked, token } = held(300)
    const all = await Promise.all(Array.from({ length: 100 }, token))
    expect([new Set(all).size, asked()]).toEqual([1, 1])
  })

  it('asks anew 30 seconds before the end, beside the calls', async () => {
    const { clock, asked, token } = held(300)
    await token()
    clock.advance(269)
    expect([await token(), asked()]).toEqual(['token-1', 1])
    clock.advance(1)
    expect(await token()).toBe('token-1')
    await settle()
    expect([await token(), asked()]).toEqual(['token-2', 2])
  })

  it('asks anew at two thirds of a short life', async () => {
    const { clock, token } = held(30)
    await token()
    clock.advance(19)
    await token()
    await settle()
    expect(await token()).toBe('token-1')
    clock.advance(1)
    await token()
    await settle()
    expect(await token()).toBe('token-2')
  })

  it('waits for the next token once the old one is over', async () => {
    const { clock, token } = held(300)
    await token()
    clock.advance(300)
    expect(await token()).toBe('token-2')
  })

  it('keeps a token whose end nobody told', async () => {
    const { clock, asked, token } = held()
    await token()
    clock.advance(1_000_000)
    expect([await token(), asked()]).toEqual(['token-1', 1])
  })

  it('goes on with a token that holds while its source is down, and does not ask for each call', async () => {
    const clock = clockAt()
    let [isDown, asked] = [false, 0]
    const source: BearerSource = () => {
      asked++
      if (isDown) throw new Error('down')
      return { token: `token-${asked}`, expiresAt: clock.now() + 300_000 }
    }
    const holder = new BearerHolder(source, clock)
    await holder.current()
    isDown = true
    clock.advance(280)
    for (let i = 0; i < 10; i++) {
      expect((await holder.current()).token).toBe('token-1')
      await settle()
    }
    expect(asked).toBe(2)
    clock.advance(5)
    isDown = false
    await holder.current()
    await settle()
    expect((await holder.current()).token).toBe('token-3')
  })

  it('gives another token once, however many calls were refused with one', async () => {
    const { holder, asked } = held(300)
    const first = await holder.current()
    const others = await Promise.all(Array.from({ length: 20 }, async () => holder.another(first)))
    expect([new Set(others.map((one) => one?.token)), asked()]).toEqual([new Set(['token-2']), 2])
    expect((await holder.another(first))?.token).toBe('token-2')
    expect(asked()).toBe(2)
  })

  it('a source whose tokens are refused one after the other is asked every five seconds at most', async () => {
    const { clock, holder, asked } = held(300)
    const second = await holder.another(await holder.current())
    if (second === undefined) throw new Error('there is no other token')
    expect([holder.another(second), asked()]).toEqual([undefined, 2])
    clock.advance(5)
    expect((await holder.another(second))?.token).toBe('token-3')
  })

  it('a call whose source of tokens fails is not made', async () => {
    const cause = new Error('the provider is down')
    for (const source of [
      () => Promise.reject(cause),
      () => {
        throw cause
      },
    ] as BearerSource[]) {
      const error = await failureOf(() => new BearerHolder(source, clockAt()).current())
      expect(error).toMatchObject({ ...unavailable('source'), cause, retryable: true })
    }
  })

  it('asks again after a failure', async () => {
    let asked = 0
    const source = async () => {
      if (++asked === 1) throw new Error('down')
      return { token: 'token' }
    }
    const holder = new BearerHolder(source, clockAt())
    await expect(holder.current()).rejects.toMatchObject(unavailable('source'))
    expect((await holder.current()).token).toBe('token')
  })

  it('a source of tokens that does not answer within 30 seconds is given up on', async () => {
    vi.useFakeTimers()
    let asked = 0
    const source = () => {
      asked++
      return new Promise<GivenBearer>(() => undefined)
    }
    const holder = new BearerHolder(source, clockAt())
    const failure = failureOf(() => holder.current())
    await vi.advanceTimersByTimeAsync(30_000)
    expect(await failure).toMatchObject(unavailable('timeout'))
    void failureOf(() => holder.current())
    await vi.advanceTimersByTimeAsync(30_000)
    expect(asked).toBe(2)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('what a source gives that is no token that can be sent is not sent', async () => {
    const bad = [undefined, null, 'secret-7f3a', {}, { token: '' }, { token: 7 }, { token: 'secret-7f3a\r\nx: y' }]
    for (const given of [...bad, { token: 'secret-7f3a secret' }, { token: 'secret-7f3aé' }]) {
      const error = await failureOf(() => new BearerHolder(() => given as never, clockAt()).current())
      expect(error).toMatchObject(unavailable('token'))
      const { message, stack, detail } = error as Error & { detail: object }
      expect([message, stack, JSON.stringify(error), JSON.stringify(detail)].join()).not.toContain('secret')
    }
  })

  it('a token that is over when its source gives it is not sent', async () => {
    for (const expiresAt of [NOW_MS, NOW_MS - 1, NOW, Number.NaN, '2030', null]) {
      const source = () => ({ token: 'token', expiresAt: expiresAt as number })
      await expect((async () => new BearerHolder(source, clockAt()).current())()).rejects.toMatchObject(
        unavailable('expiresAt'),
      )
    }
  })

  it('a token whose key can make no proofs is not sent', async () => {
    const key = await generateKey({ alg: 'ES256' })
    const other = await generateKey({ alg: 'ES256' })
    const bad = [publicJwk(key), { ...key, d: other.d }, { ...key, d: 'secret-7f3a' }, 'secret-7f3a', null, {}]
    for (const dpopKey of [...bad, await generateKey({ alg: 'X25519' })]) {
      const source = () => ({ token: 'token', dpopKey: dpopKey as never })
      const error = await failureOf(() => new BearerHolder(source, clockAt()).current())
      expect(error).toMatchObject(unavailable('dpopKey'))
      expect(error).not.toHaveProperty('cause')
    }
  })

  it('makes proofs that hold, a new one each time', async () => {
    const call = { method: 'POST', url: 'https://ledger.test/entries', nonce: undefined, nowSeconds: NOW }
    for (const alg of ['ES256', 'Ed25519'] as const) {
      const dpopKey = await generateKey({ alg })
      const { prove } = await new BearerHolder(() => ({ token: 'token', dpopKey }), clockAt()).current()
      const expected = { ...call, isTarget: (url: string) => url === call.url, token: 'token', toleranceSeconds: 0 }
      const proofs = [await prove?.(call), await prove?.({ ...call, nonce: 'n-1' })]
      const held = await Promise.all(proofs.map((proof) => verifyDpop(proof ?? '', expected)))
      expect(held.map(({ nonce }) => nonce)).toEqual([undefined, 'n-1'])
      expect(held[0]?.jkt).toBe(await thumbprint(dpopKey))
      expect(held[0]?.id).not.toBe(held[1]?.id)
    }
  })
})
