import { expect, it, vi } from 'vitest'
import { isCountersignError } from '../../../src/core/errors.ts'
import { engineOf } from '../../../src/flow/workload.ts'
import { createFakeClock } from '../../../src/testing/fake-clock.ts'
import { testDomain } from '../../../src/testing/test-domain.ts'
import { answerOf } from '../../../src/workload/secure-fetch.ts'
import { createTap, keyidOf, nameOf } from '../../refusals/session-wire.ts'
import type { OnTheWire } from '../../refusals/wire.ts'

const url = 'https://ledger.test/a'
const always = { seal: 'always' as const }

it('gives an error the id of its call, what is known of its outcome, and one event', async () => {
  const domain = await testDomain('acme.test')
  const ledger = await domain.workload('ledger')
  const orders = await domain.workload('orders', {
    sessions: false,
    peers: { 'https://ledger.test': ledger.id },
    transport: () => Promise.reject(new TypeError('fetch failed')),
  })
  domain.sink.clear()
  const error: unknown = await orders.fetch(url).catch((cause: unknown) => cause)
  if (!isCountersignError(error, 'transport-failed')) throw error
  await orders.audit.flush()
  expect(error.outcome).toBe('unknown')
  expect(error.callId).toMatch(/^[0-9a-f-]{36}$/)
  expect(domain.sink.events).toMatchObject([{ side: 'caller', callId: error.callId, code: 'transport-failed' }])
})

it('tells whether a call was sealed, either way', async () => {
  const domain = await testDomain('acme.test')
  domain.serve(await domain.workload('ledger'), 'https://ledger.test', (request) =>
    request.method === 'POST' ? new Response(null, { status: 204 }) : new Response('ok'),
  )
  const orders = await domain.workload('orders')
  expect(answerOf(await orders.fetch(url, { method: 'POST', body: 'x', countersign: always })).sealed).toBe(true)
  expect(answerOf(await orders.fetch(url, { countersign: always })).sealed).toBe(true)
  expect(answerOf(await orders.fetch(url)).sealed).toBe(false)
})

it('repeats no call that was not refused, whatever it learned of the clock', async () => {
  const domain = await testDomain('acme.test')
  const ledger = await domain.workload('ledger', { clock: createFakeClock(domain.clock.now() + 25_000) })
  let ran = 0
  domain.serve(ledger, 'https://ledger.test', () => {
    ran++
    return new Response('ok')
  })
  const orders = await domain.workload('orders')
  const known = engineOf(orders).peers.of(ledger.id)
  for (const method of ['HEAD', 'GET']) {
    known.clockOffsetSeconds = -20
    expect((await orders.fetch(url, { method })).status).toBe(200)
    expect(known.clockOffsetSeconds).toBe(25)
  }
  expect(ran).toBe(2)
})

it('repeats a HEAD that was refused for its clock, though nobody can say why it was', async () => {
  const domain = await testDomain('acme.test')
  domain.serve(await domain.workload('ledger'), 'https://ledger.test', () => new Response('ok'))
  const late = await domain.workload('late', { clock: createFakeClock(domain.clock.now() - 200_000) })
  expect((await late.fetch(url, { method: 'HEAD' })).status).toBe(200)
})

it('repeats no call that was refused for another reason than its clock', async () => {
  const domain = await testDomain('acme.test')
  domain.serve(await domain.workload('ledger'), 'https://ledger.test', () => new Response('ok'))
  let sent = 0
  const orders = await domain.workload('orders', {
    sessions: false,
    // Delivers everything twice: the second answer says that the proof was used before.
    async transport(to, init) {
      sent++
      await domain.deliver(new Request(to, init))
      return domain.deliver(new Request(to, init))
    },
  })
  expect((await orders.fetch(url)).status).toBe(400)
  expect(sent).toBe(1)
})

it('makes a call again whose session the peer has forgotten: the same name and times, by a signature', async () => {
  for (const method of ['POST', 'GET', 'HEAD']) {
    const tap = await createTap()
    const { id } = await tap.session()
    tap.ledger.endSessions(() => true)
    const sent = tap.sent.length
    expect((await tap.call('/a', { method, body: method === 'POST' ? '{}' : null })).status).toBe(200)
    const [lost, again, ...rest] = tap.sent.slice(sent) as [OnTheWire, OnTheWire]
    expect(rest).toEqual([])
    expect([keyidOf(lost), keyidOf(again)]).toEqual([id, undefined])
    expect(nameOf(again)).toBe(nameOf(lost))
    const times = ({ raw }: OnTheWire) => /;created=\d+;expires=\d+/.exec(raw.join(' '))?.[0]
    expect(times(again)).toBe(times(lost))
    expect(tap.ran).toHaveLength(1)
  }
})

it('a call whose session the peer has forgotten is made again only while the lost one has not expired', async () => {
  for (const [seconds, status] of [
    [59, 200],
    [60, 400],
  ] as const) {
    const tap = await createTap()
    await tap.session()
    tap.ledger.endSessions(() => true)
    tap.between = async (message) => {
      const answer = await tap.deliver(message)
      if (keyidOf(message) !== undefined) tap.domain.clock.advance(seconds)
      return answer
    }
    expect((await tap.call()).status).toBe(status)
    expect(tap.ran).toHaveLength(status === 200 ? 1 : 0)
  }
})

it('three sessions lost in a row mean signatures for five minutes', async () => {
  const start = performance.now()
  const mock = vi.spyOn(performance, 'now').mockReturnValue(start)
  const tap = await createTap()
  const lose = async () => {
    await tap.session()
    tap.ledger.endSessions(() => true)
    expect((await tap.call()).status).toBe(200)
  }
  await lose()
  await lose()
  // A call that is answered under its session: two were lost, and not three in a row.
  await tap.call()
  for (let i = 0; i < 3; i++) await lose()
  const handshakes = tap.handshakes.length
  expect(handshakes).toBe(5)
  mock.mockReturnValue(start + 299_000)
  expect((await tap.call()).status).toBe(200)
  expect(keyidOf(tap.sent.at(-1) as OnTheWire)).toBeUndefined()
  expect(tap.handshakes).toHaveLength(handshakes)
  mock.mockReturnValue(start + 300_000)
  expect(keyidOf(await tap.capture())).toBeDefined()
  mock.mockRestore()
})
