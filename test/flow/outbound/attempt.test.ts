import { expect, it } from 'vitest'
import { isCountersignError } from '../../../src/core/errors.ts'
import { engineOf } from '../../../src/flow/workload.ts'
import { createFakeClock } from '../../../src/testing/fake-clock.ts'
import { testDomain } from '../../../src/testing/test-domain.ts'
import { answerOf } from '../../../src/workload/secure-fetch.ts'

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
