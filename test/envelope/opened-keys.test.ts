import { describe, expect, it } from 'vitest'
import { CountersignError } from '../../src/core/errors.ts'
import { OpenedKeys, type OpenedKeysOptions } from '../../src/envelope/opened-keys.ts'
import { codeOf, failureOf, pattern } from './fixtures.ts'

function keeping(options: OpenedKeysOptions = {}) {
  const state = { now: 0, asked: 0, failure: undefined as Error | undefined }
  const keys = new OpenedKeys(options, () => state.now)
  const get = (name = 'a') =>
    keys.get(name, async () => {
      state.asked++
      if (state.failure !== undefined) throw state.failure
      return pattern(32)
    })
  return { state, get }
}

const outage = new CountersignError('key-service-unavailable')

describe('data keys that were opened', () => {
  it('are kept for their lifetime', async () => {
    const { state, get } = keeping({ lifetimeSeconds: 10 })
    await get()
    state.now = 9_999
    await get()
    expect(state.asked).toBe(1)
    state.now = 10_000
    await get()
    expect(state.asked).toBe(2)
    state.now = 19_999
    await get()
    expect(state.asked).toBe(2)
  })

  it('are used no more often than they may', async () => {
    const { state, get } = keeping({ maxUses: 3 })
    for (let i = 0; i < 7; i++) await get()
    expect(state.asked).toBe(3)
  })

  it('are no more than they may be, and the one that was not used for longest goes first', async () => {
    const { state, get } = keeping({ max: 2 })
    for (const name of ['a', 'b', 'a', 'c', 'a']) await get(name)
    expect(state.asked).toBe(3)
    await get('b')
    expect(state.asked).toBe(4)
  })

  it('are not kept at all where that is wanted', async () => {
    for (const options of [{ max: 0 }, { lifetimeSeconds: 0 }, { maxUses: 0 }]) {
      const { state, get } = keeping(options)
      await get()
      await get()
      expect(state.asked).toBe(2)
    }
  })

  it('are copies: whoever forgets one takes it from nobody', async () => {
    const { get } = keeping()
    const [one, other] = await Promise.all([get(), get()])
    one.fill(0)
    expect(other).toEqual(pattern(32))
    other.fill(0)
    expect(await get()).toEqual(pattern(32))
  })

  it('a data key that was opened before serves on for the time that is given for outages, and no longer', async () => {
    const { state, get } = keeping({ lifetimeSeconds: 10, whileDownSeconds: 5 })
    await get()
    state.failure = outage
    state.now = 14_999
    expect(await get()).toEqual(pattern(32))
    expect(state.asked).toBe(2)
    expect(await codeOf(() => get('b'))).toBe('key-service-unavailable')
    state.now = 15_000
    expect(await codeOf(get)).toBe('key-service-unavailable')
  })

  it('do not serve on when they had to make room while the service was asked', async () => {
    const state = { now: 0 }
    const keys = new OpenedKeys({ max: 1, lifetimeSeconds: 10, whileDownSeconds: 50 }, () => state.now)
    const give = async () => pattern(32)
    await keys.get('a', give)
    state.now = 10_000
    let fail: (cause: unknown) => void = () => undefined
    const pending = new Promise<never>((_, reject) => {
      fail = reject
    })
    const asking = codeOf(() => keys.get('a', () => pending))
    await keys.get('b', give)
    fail(outage)
    expect(await asking).toBe('key-service-unavailable')
    expect(await keys.get('a', give)).toEqual(pattern(32))
  })

  it('do not serve on when the service says no', async () => {
    const { state, get } = keeping({ lifetimeSeconds: 10, whileDownSeconds: 5 })
    await get()
    state.failure = new Error('no')
    state.now = 10_000
    await expect(get()).rejects.toThrow('no')
  })

  it('a limit of opened data keys that is not a number from 0 is refused', async () => {
    for (const name of ['max', 'lifetimeSeconds', 'maxUses', 'whileDownSeconds']) {
      for (const value of [-1, Number.NaN, '5' as never]) {
        const failure = await failureOf(() => new OpenedKeys({ [name]: value }))
        expect(failure).toEqual({ code: 'option-invalid', option: `openedKeys.${name}` })
      }
    }
  })
})
