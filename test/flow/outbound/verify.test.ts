import { describe, expect, it } from 'vitest'
import { utf8 } from '../../../src/core/bytes.ts'
import { Fields } from '../../../src/core/message.ts'
import { admit } from '../../../src/flow/admit.ts'
import { answerHandled } from '../../../src/flow/answer.ts'
import type { Transport } from '../../../src/flow/engine.ts'
import { checkGuardOptions, guardSettings } from '../../../src/flow/inbound/guard-settings.ts'
import { fieldsOf, headersOf } from '../../../src/flow/whatwg.ts'
import { engineOf } from '../../../src/flow/workload.ts'
import { allowAuthenticated } from '../../../src/policy/allow-authenticated.ts'
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
  const guard = guardSettings(engineOf(ledger), checkGuardOptions({ policy: allowAuthenticated() }))
  let type = 'application/json'
  const orders = await domain.workload('orders', {
    peers: { 'https://ledger.test': ledger.id },
    // A peer that proves itself and signs, and does not seal.
    async transport(to, init) {
      const fields = fieldsOf(new Headers(init.headers))
      const { pathname } = new URL(to)
      const request = { method: init.method ?? '', target: pathname, fields }
      const admission = await admit(guard, { request, mountPath: '', announcesBody: false, readBody: () => utf8('') })
      if (admission.kind !== 'admitted') throw admission.error
      const plain = { status: 200, fields: new Fields(['content-type', type]), body: utf8('{}') }
      const answer = await answerHandled(guard, { ...admission.stage, sealAnswer: false }, plain)
      return new Response(answer.body ?? null, { status: answer.status, headers: headersOf(answer.fields) })
    },
  })
  const always = { countersign: { seal: 'always' as const } }
  await expect(orders.fetch(url, always)).rejects.toMatchObject({ code: 'answer-plaintext' })
  type = 'application/problem+json'
  expect((await orders.fetch(url, always)).status).toBe(200)
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
