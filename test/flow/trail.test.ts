import { expect, it } from 'vitest'
import { testDomain } from '../../src/testing/test-domain.ts'
import { answerOf } from '../../src/workload/secure-fetch.ts'
import { createWire, withField } from '../refusals/wire.ts'

it('writes one event a side under one id, whatever became of the call', async () => {
  const domain = await testDomain('acme.test')
  domain.serve(await domain.workload('ledger'), 'https://ledger.test', () => new Response('ok'))
  const orders = await domain.workload('orders', { sessions: false })
  domain.sink.clear()
  const answer = await orders.fetch('https://ledger.test/a')
  const { callId } = answerOf(answer)
  await orders.audit.flush()
  expect(domain.sink.events.map((event) => [event.side, event.callId]).sort()).toEqual([
    ['callee', callId],
    ['caller', callId],
  ])
})

it('writes one event a side for a handshake, and one for each call under its session', async () => {
  const domain = await testDomain('acme.test')
  domain.serve(await domain.workload('ledger'), 'https://ledger.test', () => new Response('ok'))
  const orders = await domain.workload('orders')
  domain.sink.clear()
  const ids: string[] = []
  for (const path of ['/a', '/b']) ids.push(answerOf(await orders.fetch(`https://ledger.test${path}`)).callId)
  await orders.audit.flush()
  const events = domain.sink.events.map(({ side, path, authenticatedBy }) => [side, path, authenticatedBy].join(' '))
  const session = '/.well-known/countersign/session'
  expect(events.sort()).toEqual(
    [
      ...[`callee ${session} signature`, 'callee /a session', 'callee /b session'],
      ...[`caller ${session} signature`, 'caller /a session', 'caller /b session'],
    ].sort(),
  )
  for (const id of ids) expect(domain.sink.events.filter(({ callId }) => callId === id)).toHaveLength(2)
})

it('writes down method and id of a head that could not be read', async () => {
  const wire = await createWire()
  const message = await wire.capture({ method: 'DELETE' })
  expect(await wire.deliver({ ...message, target: '/a/../b' })).toMatchObject({ code: 'target-not-canonical' })
  const [event] = wire.domain.sink.events.filter(({ side }) => side === 'callee')
  expect(event).toMatchObject({ method: 'DELETE', peer: 'anonymous', callId: expect.stringMatching(/^[0-9a-f-]{36}$/) })
})

it('writes digests down of a body alone', async () => {
  const wire = await createWire({ mode: 'observe', policy: { decide: () => ({ effect: 'allow' }) } })
  const message = await wire.capture({ countersign: { seal: 'never', audience: 'spiffe://acme.test/other' } })
  expect(await wire.deliver(message)).toMatchObject({ code: 'audience-mismatch' })
  const strict = await createWire()
  const refused = await strict.capture({ countersign: { seal: 'never', audience: 'spiffe://acme.test/other' } })
  await strict.deliver(withField(refused, 'accept', '*/*'))
  for (const { domain } of [wire, strict]) {
    const [event] = domain.sink.events.filter(({ side }) => side === 'callee')
    expect([event?.code, event?.expectedDigest, event?.receivedDigest]).toEqual([
      'audience-mismatch',
      undefined,
      undefined,
    ])
  }
})
