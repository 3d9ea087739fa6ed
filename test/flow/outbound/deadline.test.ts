import { getEventListeners } from 'node:events'
import { createServer } from 'node:http'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, type MockInstance, vi } from 'vitest'
import { guard } from '../../../src/adapters/node.ts'
import { undiciTransport } from '../../../src/adapters/undici.ts'
import type { ExchangeRequest } from '../../../src/flow/engine.ts'
import { orAborted } from '../../../src/flow/outbound/deadline.ts'
import type { Workload } from '../../../src/flow/workload.ts'
import { allowAuthenticated } from '../../../src/policy/allow-authenticated.ts'
import { socketDomain } from '../../journeys/domain.ts'
import { listen, type Service } from '../../journeys/servers.ts'

const TIME = 987_654
const undici = undiciTransport()
let service: Service
let orders: Workload
let started: MockInstance<typeof setTimeout>
let cleared: MockInstance<typeof clearTimeout>
/** The signals that the transport was given. */
const given: AbortSignal[] = []

beforeAll(async () => {
  const world = await socketDomain()
  const policy = allowAuthenticated()
  service = await listen(
    createServer(
      guard(world.ledger, { policy }, (req, res) => {
        if (req.url === '/broken') res.destroy()
        else if (req.url === '/whole') res.end('whole')
        else {
          res.writeHead(200, { 'content-type': 'text/event-stream' })
          res.write('data: 1\n\n')
          if (req.url === '/stream') res.end('data: 2\n\n')
        }
      }),
    ),
  )
  const exchange = (request: ExchangeRequest) => {
    if (request.signal !== undefined) given.push(request.signal)
    return undici.exchange(request)
  }
  const transport = Object.assign(() => Promise.reject(new Error('unused')), { exchange })
  orders = await world.caller('orders', service.origin, { transport })
})
afterAll(() => Promise.all([service.close(), undici.close()]))
beforeEach(() => {
  given.length = 0
  started = vi.spyOn(globalThis, 'setTimeout')
  cleared = vi.spyOn(globalThis, 'clearTimeout')
})
afterEach(() => vi.restoreAllMocks())

/** Makes a call that has all the time in the world. */
function ask(path: string) {
  const controller = new AbortController()
  const { signal } = controller
  const answer = orders.fetch(`${service.origin}${path}`, { signal, countersign: { timeoutMs: TIME } })
  return { answer, controller, signal }
}

/** Whether the timer of the call runs still, and how many listen to its signals still. */
function leftOf(signal: AbortSignal): { isRunning: boolean; listeners: number } {
  const at = started.mock.calls.findIndex(([, ms]) => ms === TIME)
  const timer = started.mock.results[at]?.value
  const isRunning = at < 0 || !cleared.mock.calls.some(([one]) => one === timer)
  const listeners = [signal, ...given].map((one) => getEventListeners(one, 'abort').length)
  return { isRunning, listeners: listeners.reduce((sum, count) => sum + count, 0) }
}

const NOTHING = { isRunning: false, listeners: 0 }

it('neither timer nor listener is left of a call that was answered as a whole', async () => {
  const { answer, signal } = ask('/whole')
  expect(await (await answer).text()).toBe('whole')
  expect(leftOf(signal)).toEqual(NOTHING)
})

it('neither timer nor listener is left of a call that failed', async () => {
  const { answer, signal } = ask('/broken')
  await expect(answer).rejects.toMatchObject({ code: 'transport-failed' })
  expect(leftOf(signal)).toEqual(NOTHING)
})

it('the time of a call whose answer streams runs until that was read, and not longer', async () => {
  const { answer, signal } = ask('/stream')
  const { body } = await answer
  expect(leftOf(signal).isRunning).toBe(true)
  expect(await new Response(body).text()).toBe('data: 1\n\ndata: 2\n\n')
  await vi.waitFor(() => expect(leftOf(signal)).toEqual(NOTHING))
})

it('neither timer nor listener is left of a call whose answer was cancelled or aborted', async () => {
  const cancelled = ask('/endless')
  await (await cancelled.answer).body?.cancel()
  await vi.waitFor(() => expect(leftOf(cancelled.signal)).toEqual(NOTHING))
  started.mockClear()
  const aborted = ask('/endless')
  await aborted.answer
  aborted.controller.abort()
  await vi.waitFor(() => expect(leftOf(aborted.signal)).toEqual(NOTHING))
})

it('who waited for a promise or a signal listens to it no longer', async () => {
  const { signal } = new AbortController()
  await orAborted(Promise.resolve(), signal)
  await expect(orAborted(Promise.reject(new Error('failed')), signal)).rejects.toThrow('failed')
  await vi.waitFor(() => expect(getEventListeners(signal, 'abort')).toEqual([]))
})
