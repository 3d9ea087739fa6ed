import { expect, it } from 'vitest'
import { Feed } from '../../src/adapters/node-feed.ts'
import { latch } from './sockets.ts'

/** A feed whose steps take as long as the test wants. */
function feeding() {
  const seen: unknown[] = []
  const waits: (() => void)[] = []
  let isSlow = false
  const step = (what: unknown) => {
    if (!isSlow) return void seen.push(what)
    return new Promise<void>((resolve) => waits.push(resolve)).then(() => void seen.push(what))
  }
  const ended = latch()
  const feed = new Feed(
    { push: (bytes) => step(bytes[0]), end: () => step('end') },
    {
      put: () => undefined,
      idle: () => seen.push('idle'),
      ended: () => {
        seen.push('ended')
        ended.open()
      },
      failed: (cause) => seen.push(cause),
    },
  )
  const go = async () => {
    waits.shift()?.()
    await new Promise(setImmediate)
  }
  return { feed, seen, go, ended: ended.promise, slow: (how: boolean) => (isSlow = how) }
}

it('takes at once what takes no time, and tells nobody', () => {
  const { feed, seen } = feeding()
  expect([feed.push(Uint8Array.of(1)), feed.push(Uint8Array.of(2))]).toEqual([true, true])
  expect(seen).toEqual([1, 2])
})

it('keeps the order where a step takes its time, and tells when all is worked off', async () => {
  const { feed, seen, go, slow } = feeding()
  slow(true)
  expect([feed.push(Uint8Array.of(1)), feed.push(Uint8Array.of(2))]).toEqual([false, false])
  expect(seen).toEqual([])
  await go()
  expect(seen).toEqual([1])
  await go()
  expect(seen).toEqual([1, 2, 'idle'])
})

it('ends after all that was fed, and takes nothing more', async () => {
  const { feed, seen, go, ended, slow } = feeding()
  slow(true)
  feed.push(Uint8Array.of(1))
  feed.end()
  await go()
  await go()
  await ended
  feed.push(Uint8Array.of(2))
  feed.end()
  await go()
  expect(seen).toEqual([1, 'end', 'ended'])
})

it('tells of a failure once, and does nothing more', async () => {
  const seen: unknown[] = []
  const broken = new Error('broken')
  const told = {
    put: () => undefined,
    idle: () => undefined,
    ended: () => seen.push('ended'),
    failed: (c: unknown) => seen.push(c),
  }
  for (const fail of [
    () => Promise.reject(broken),
    () => {
      throw broken
    },
  ]) {
    const feed = new Feed({ push: fail, end: () => undefined }, told)
    feed.push(Uint8Array.of(1))
    feed.push(Uint8Array.of(2))
    feed.end()
    await new Promise(setImmediate)
  }
  expect(seen).toEqual([broken, broken])
})

it('tells nothing once it was stopped', async () => {
  const { feed, seen, go, slow } = feeding()
  slow(true)
  feed.push(Uint8Array.of(1))
  feed.push(Uint8Array.of(2))
  feed.stop()
  await go()
  await go()
  expect(seen).toEqual([1])
})

it('tells nothing of an end that was stopped on its way', async () => {
  const { feed, seen, go, slow } = feeding()
  slow(true)
  feed.end()
  feed.stop()
  await go()
  expect(seen).toEqual(['end'])
})
