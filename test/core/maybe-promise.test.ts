import { describe, expect, it } from 'vitest'
import { andThen, inTurn, orElse, settle } from '../../src/core/maybe-promise.ts'

const later = <T>(value: T): Promise<T> => new Promise((resolve) => setImmediate(resolve, value))
const failing = () => {
  throw new Error('at once')
}
const words = (cause: unknown) => (cause as Error).message

describe('andThen', () => {
  it('goes on at once with a value, and later with a promise', async () => {
    expect(andThen(1, (value) => value + 1)).toBe(2)
    const waiting = andThen(later(1), (value) => value + 1)
    expect(waiting).toBeInstanceOf(Promise)
    expect(await waiting).toBe(2)
    expect(await andThen(1, (value) => later(value + 1))).toBe(2)
  })

  it('fails as what it goes on with fails', async () => {
    expect(() => andThen(1, failing)).toThrow('at once')
    await expect(andThen(later(1), failing)).rejects.toThrow('at once')
    await expect(andThen(Promise.reject(new Error('before')), () => 1)).rejects.toThrow('before')
  })
})

describe('orElse', () => {
  it('gives what the body gives, and otherwise what the other makes of its failure', async () => {
    expect(orElse(() => 1, words)).toBe(1)
    expect(orElse(failing, words)).toBe('at once')
    expect(await orElse(() => later(1), words)).toBe(1)
    expect(await orElse(() => Promise.reject(new Error('later')), words)).toBe('later')
  })

  it('does not hear of a failure of the other, nor of what comes after it', async () => {
    expect(() => orElse(failing, failing)).toThrow('at once')
    await expect(orElse(() => Promise.reject(new Error('later')), failing)).rejects.toThrow('at once')
    let heard = 0
    const hear = () => {
      heard++
    }
    expect(() =>
      andThen(
        orElse(() => 1, hear),
        failing,
      ),
    ).toThrow('at once')
    await expect(
      andThen(
        orElse(() => later(1), hear),
        failing,
      ),
    ).rejects.toThrow('at once')
    expect(heard).toBe(0)
  })
})

it('settle makes a promise of whatever can be waited for, and leaves values as they are', async () => {
  // biome-ignore lint/suspicious/noThenProperty: somebody else's promise
  const thenable = { then: (done: (value: number) => void) => done(3) }
  expect(settle(thenable as PromiseLike<number>)).toBeInstanceOf(Promise)
  expect(await settle(thenable as PromiseLike<number>)).toBe(3)
  const promise = later(1)
  expect(settle(promise)).toBe(promise)
  for (const value of [1, 'x', null, undefined, { a: 1 }]) expect(settle(value)).toBe(value)
  await promise
})

describe('inTurn', () => {
  const told = (delays: readonly boolean[]) => {
    const taken: number[] = []
    const done = inTurn(delays.length, (index) => {
      const note = () => {
        taken.push(index)
      }
      return delays[index] === true ? later(undefined).then(note) : note()
    })
    return { taken, done }
  }

  it('takes all steps at once where none has to be waited for', () => {
    const { taken, done } = told([false, false, false])
    expect([taken, done]).toEqual([[0, 1, 2], undefined])
  })

  it('takes no step before the one before it is done', async () => {
    const { taken, done } = told([false, true, false, true, true, false])
    expect(taken).toEqual([0])
    await done
    expect(taken).toEqual([0, 1, 2, 3, 4, 5])
  })

  it('takes no step after one that failed', async () => {
    const taken: number[] = []
    const done = inTurn(3, async (index) => {
      taken.push(index)
      if (index === 1) throw new Error('of step 1')
    })
    await expect(done).rejects.toThrow('of step 1')
    expect(taken).toEqual([0, 1])
  })
})
