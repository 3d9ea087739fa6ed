import { createHash } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { undiciTransport } from '../../src/adapters/undici.ts'
import type { Workload } from '../../src/flow/workload.ts'
import { allowAuthenticated } from '../../src/policy/allow-authenticated.ts'
import { answerOf } from '../../src/workload/secure-fetch.ts'
import { calleeEvents, type SocketDomain, socketDomain } from './domain.ts'
import type { Service } from './servers.ts'
import { bytesAt, type Handled, pieces, streamingAdapters } from './streaming-servers.ts'

const SIZE = 3_000_000
const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('base64')
const whole = bytesAt(0, SIZE)

/** A body that comes piece by piece, and is asked for piece by piece. */
function upload(size: number): ReadableStream<Uint8Array> {
  const parts = pieces(size)
  return new ReadableStream({
    pull(controller) {
      const { done, value } = parts.next()
      if (done === true) controller.close()
      else controller.enqueue(new Uint8Array(value as Buffer))
    },
  })
}

const transports = { fetch: undefined, undici: undiciTransport() }
afterAll(() => transports.undici.close())

describe.each([...streamingAdapters])('%s', (_adapter, start) => {
  describe.each(['fetch', 'undici'] as const)('over %s', (by) => {
    describe.each(['session', 'signature'] as const)('by %s', (proof) => {
      let world: SocketDomain
      let service: Service
      let orders: Workload
      let handled: Handled

      beforeAll(async () => {
        world = await socketDomain()
        handled = { uploads: [], closed: 0, written: 0 }
        service = await start(world.ledger, { policy: allowAuthenticated() }, handled)
        const transport = transports[by]
        orders = await world.caller('orders', service.origin, transport === undefined ? {} : { transport })
      })
      beforeEach(() => {
        handled.uploads.length = 0
      })
      afterAll(() => service.close())

      const ask = (path: string, init: RequestInit = {}) =>
        orders.fetch(`${service.origin}${path}`, { ...init, countersign: { proof } })

      it('takes an upload of any size as it comes', async () => {
        const answer = await ask('/sink', { method: 'POST', body: upload(SIZE) })
        expect(await answer.json()).toEqual({ bytes: SIZE, sha256: digest(whole) })
        const event = (await calleeEvents(world)).at(-1)
        expect(event).toMatchObject({ sealed: true, requestBytes: SIZE, effect: 'allow', status: 200 })
      })

      it('gives a download of any size as it comes', async () => {
        const answer = await ask(`/?size=${SIZE}`)
        expect([answer.status, answerOf(answer).sealed]).toEqual([200, true])
        expect(digest(new Uint8Array(await answer.arrayBuffer()))).toBe(digest(whole))
        const [event] = (await calleeEvents(world)).slice(-1)
        expect(event).toMatchObject({ effect: 'allow', status: 200 })
        expect(event?.answerBytes).toBeGreaterThan(SIZE)
      })

      it('streams both ways at once', async () => {
        const answer = await ask('/echo', { method: 'POST', body: upload(SIZE) })
        expect(digest(new Uint8Array(await answer.arrayBuffer()))).toBe(digest(whole))
      })

      it('takes a stream of nothing, and one of one byte', async () => {
        for (const size of [0, 1]) {
          const answer = await ask('/sink', { method: 'POST', body: upload(size) })
          expect(await answer.json()).toMatchObject({ bytes: size })
        }
      })

      it('gives events one by one, each as soon as it was written', async () => {
        const answer = await ask('/events?size=5')
        const seen: string[] = []
        for await (const chunk of answer.body as unknown as AsyncIterable<Uint8Array>)
          seen.push(new TextDecoder().decode(chunk))
        expect(seen).toEqual(Array.from({ length: 5 }, (_, i) => `data: ${i}\n\n`))
      })

      it('gives lines of JSON as records', async () => {
        const text = await (await ask('/lines?size=100')).text()
        expect(
          text
            .trim()
            .split('\n')
            .map((line) => JSON.parse(line).i),
        ).toEqual(Array.from({ length: 100 }, (_, i) => i))
      })

      it('answers who did not wait for the body to be read', async () => {
        const answer = await ask('/ignore', { method: 'POST', body: upload(100_000) })
        expect(await answer.text()).toBe('not read')
      })

      it('lets a reader stop: the other end hears of it, and writes no more', async () => {
        const before = handled.closed
        const answer = await ask('/?size=1000000000')
        const reader = answer.body?.getReader()
        await reader?.read()
        await reader?.cancel()
        await expect.poll(() => handled.closed).toBe(before + 1)
        expect(handled.written).toBeLessThan(100_000_000)
      })

      it('lets an abort end the answer with its reason, and the handler with an error', async () => {
        const before = handled.closed
        const controller = new AbortController()
        const answer = await ask('/?size=1000000000', { signal: controller.signal })
        const reader = answer.body?.getReader()
        await reader?.read()
        const reason = new Error('the user left')
        controller.abort(reason)
        await expect(
          (async () => {
            for (;;) if ((await reader?.read())?.done !== false) return
          })(),
        ).rejects.toBe(reason)
        await expect.poll(() => handled.closed).toBe(before + 1)
      })

      it('shows a handler an error where the upload is broken off', async () => {
        const parts = pieces(SIZE)
        let left = 20
        const broken = new ReadableStream<Uint8Array>({
          pull(controller) {
            if (left-- === 0) throw new Error('the disk is gone')
            controller.enqueue(new Uint8Array(parts.next().value as Buffer))
          },
        })
        await expect(ask('/sink', { method: 'POST', body: broken })).rejects.toMatchObject({ code: 'transport-failed' })
        await expect.poll(() => handled.uploads.length).toBe(1)
        expect(handled.uploads[0]?.error).toBeInstanceOf(Error)
        expect(handled.uploads[0]?.bytes).toBeLessThanOrEqual(20 * 65_536)
      })
    })
  })
})
