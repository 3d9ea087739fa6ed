import { expect, it } from 'vitest'
import { testDomain } from '../../src/testing/test-domain.ts'
import { answerOf } from '../../src/workload/secure-fetch.ts'

it('the facts of a response that no secured fetch gave are refused', async () => {
  expect(() => answerOf(new Response('x'))).toThrow(expect.objectContaining({ code: 'option-invalid' }))
  const domain = await testDomain('acme.test')
  domain.serve(await domain.workload('ledger'), 'https://ledger.test', () => new Response('ok'))
  const answer = await (await domain.workload('orders')).fetch('https://ledger.test/x?y=1')
  expect(() => answerOf(answer.clone())).toThrow(expect.objectContaining({ code: 'option-invalid' }))
  expect(answerOf(answer).callId).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  expect(answer.url).toBe('https://ledger.test/x?y=1')
})

it('gives a response without a body where its status allows none', async () => {
  const domain = await testDomain('acme.test')
  let status = 204
  domain.serve(await domain.workload('ledger'), 'https://ledger.test', () => new Response(null, { status }))
  const orders = await domain.workload('orders')
  for (status of [204, 205, 304]) {
    const answer = await orders.fetch('https://ledger.test/x')
    expect([answer.status, answer.body]).toEqual([status, null])
  }
  // What observing lets pass may be anything.
  const ledger = 'spiffe://acme.test/ledger'
  const lax = await domain.workload('lax', {
    mode: 'observe',
    peers: { 'https://ledger.test': ledger },
    transport: async () => Object.defineProperty(new Response('x'), 'status', { value: 204 }),
  })
  expect((await lax.fetch('https://ledger.test/x')).body).toBeNull()
})
