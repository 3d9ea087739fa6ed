import { describe, expect, it } from 'vitest'
import type { Transport } from '../../../src/flow/engine.ts'
import { type TestDomain, testDomain } from '../../../src/testing/test-domain.ts'
import { answerOf } from '../../../src/workload/secure-fetch.ts'

const url = 'https://ledger.test/a'

async function between(wire: (domain: TestDomain) => Transport, mode?: 'observe') {
  const domain = await testDomain('acme.test')
  const ledger = await domain.workload('ledger')
  domain.serve(ledger, 'https://ledger.test', () => new Response('ok'))
  const orders = await domain.workload('orders', { transport: wire(domain), ...(mode === undefined ? {} : { mode }) })
  return { domain, orders, ledger }
}

const changed =
  (change: (answer: Response) => Promise<Response> | Response) =>
  (domain: TestDomain): Transport =>
  async (to, init) =>
    change(await domain.deliver(new Request(to, init)))

it('an answer without a signature or a token is refused', async () => {
  for (const name of ['signature', 'signature-input', 'workload-identity-token']) {
    const { orders } = await between(
      changed(async (answer) => {
        const headers = new Headers(answer.headers)
        headers.delete(name)
        return new Response(await answer.arrayBuffer(), { status: answer.status, headers })
      }),
    )
    const code =
      name === 'workload-identity-token' ? 'answer-unsigned' : expect.stringMatching(/^answer-(unsigned|malformed)$/)
    await expect(orders.fetch(url)).rejects.toMatchObject({ code, kind: 'upstream', outcome: undefined })
  }
})

it('an answer by another workload than the one that was called is refused', async () => {
  const { domain, orders } = await between((domain) => (to, init) => domain.deliver(new Request(to, init)))
  const other = await domain.workload('other', { audiences: ['https://ledger.test'] })
  domain.serve(other, 'https://ledger.test', () => new Response('ok'))
  const pinned = orders.client({ peer: 'spiffe://acme.test/ledger', audience: url })
  await expect(pinned(url)).rejects.toMatchObject({ code: 'answer-foreign' })
})

it('an answer whose body was changed is refused', async () => {
  const { orders } = await between(changed((answer) => new Response('ko', answer)))
  await expect(orders.fetch(url)).rejects.toMatchObject({ code: 'answer-invalid' })
})

it('an answer whose signature covers no digest may not carry one byte of a body', async () => {
  const domain = await testDomain('acme.test')
  domain.serve(await domain.workload('ledger'), 'https://ledger.test', () => new Response(null, { status: 200 }))
  const orders = await domain.workload('orders', {
    transport: async (to, init) => new Response(new Uint8Array([120]), await domain.deliver(new Request(to, init))),
  })
  await expect(orders.fetch(url)).rejects.toMatchObject({ code: 'answer-invalid' })
})

it('an answer that is larger than the limit is refused', async () => {
  const { orders } = await between((domain) => (to, init) => domain.deliver(new Request(to, init)))
  await expect(orders.fetch(url, { countersign: { maxAnswerBytes: 1 } })).rejects.toMatchObject({
    code: 'answer-too-large',
  })
  expect((await orders.fetch(url, { countersign: { maxAnswerBytes: 2 } })).status).toBe(200)
})

it('a field of an answer that no proof covers never reaches the caller', async () => {
  const { orders } = await between(
    changed(async (answer) => {
      const headers = new Headers(answer.headers)
      headers.set('x-role', 'admin')
      headers.set('location', 'https://evil.test')
      headers.append('set-cookie', 'a=b')
      headers.set('date', 'now')
      return new Response(await answer.arrayBuffer(), { status: answer.status, headers })
    }),
  )
  const answer = await orders.fetch(url)
  expect([...answer.headers.keys()].filter((name) => ['x-role', 'location', 'set-cookie'].includes(name))).toEqual([])
  expect(answer.headers.get('date')).toBe('now')
})

it('a plain answer to a call that had to be sealed is refused, unless it is a problem', async () => {
  const domain = await testDomain('acme.test')
  const ledger = await domain.workload('ledger')
  let strip = false
  domain.serve(ledger, 'https://ledger.test', () => new Response('ok'))
  const orders = await domain.workload('orders', {
    transport: async (to, init) => {
      const headers = new Headers(init.headers)
      const accepts = headers.get('accept-envelope')
      expect(strip || accepts === 'sve1').toBe(true)
      return domain.deliver(new Request(to, init))
    },
  })
  expect(answerOf(await orders.fetch(url, { countersign: { seal: 'always' } })).sealed).toBe(true)
  strip = true
  const problem = await orders.fetch('https://ledger.test/a', {
    method: 'POST',
    body: 'x'.repeat(1_100_000),
    countersign: { seal: 'always' },
  })
  expect(problem.status).toBe(413)
})

describe('observing', () => {
  it('lets an unsigned answer pass and writes down what was wrong', async () => {
    const { domain, orders } = await between(() => async () => new Response('legacy'), 'observe')
    const answer = await orders.fetch(url)
    expect(await answer.text()).toBe('legacy')
    expect(answerOf(answer).peer.id).toBe('anonymous')
    await orders.audit.flush()
    const [event] = domain.sink.events.filter(({ side }) => side === 'caller')
    expect(event).toMatchObject({ observed: true, code: 'answer-unsigned', effect: 'allow' })
  })

  it('does not loosen sealing', async () => {
    const { orders } = await between(
      (domain) => async (to, init) => {
        if (to.includes('well-known')) return domain.deliver(new Request(to, init))
        return new Response('plain')
      },
      'observe',
    )
    const sealed = { method: 'POST', body: 'x', countersign: { seal: 'always' as const } }
    await expect(orders.fetch(url, sealed)).rejects.toMatchObject({ code: 'answer-unsigned' })
  })
})
