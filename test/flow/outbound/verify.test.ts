import { describe, expect, it } from 'vitest'
import { utf8 } from '../../../src/core/bytes.ts'
import { Fields } from '../../../src/core/message.ts'
import { admit } from '../../../src/flow/admit.ts'
import { answerHandled } from '../../../src/flow/answer.ts'
import { call } from '../../../src/flow/call.ts'
import type { Transport } from '../../../src/flow/engine.ts'
import { checkGuardOptions, guardSettings } from '../../../src/flow/inbound/guard-settings.ts'
import { fieldsOf, headersOf } from '../../../src/flow/whatwg.ts'
import { engineOf } from '../../../src/flow/workload.ts'
import { allowAuthenticated } from '../../../src/policy/allow-authenticated.ts'
import { componentOf } from '../../../src/signature/component.ts'
import { createProof, readProof } from '../../../src/signature/proof.ts'
import { WIMSE_TAG } from '../../../src/signature/proof-parameters.ts'
import { signAnswer } from '../../../src/signature/sign-proof.ts'
import { createFakeClock } from '../../../src/testing/fake-clock.ts'
import { type TestDomain, testDomain } from '../../../src/testing/test-domain.ts'
import { answerOf } from '../../../src/workload/secure-fetch.ts'
import { createTap } from '../../refusals/session-wire.ts'

const url = 'https://ledger.test/a'

async function between(wire: (domain: TestDomain) => Transport, mode?: 'observe') {
  const domain = await testDomain('acme.test')
  const ledger = await domain.workload('ledger')
  domain.serve(ledger, 'https://ledger.test', () => new Response('ok'))
  // Every answer here is one to a proof by signature, the first as well: no handshake comes before it.
  const options = { sessions: false as const, transport: wire(domain), ...(mode === undefined ? {} : { mode }) }
  const orders = await domain.workload('orders', options)
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
    await expect(orders.fetch(url)).rejects.toMatchObject({ code, kind: 'upstream', outcome: 'unknown' })
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

describe('what an answer teaches', () => {
  /** A caller whose peer's clock is off by so many seconds. */
  async function skewed(seconds: number) {
    const domain = await testDomain('acme.test')
    const ledger = await domain.workload('ledger', { clock: createFakeClock(domain.clock.now() + seconds * 1000) })
    domain.serve(ledger, 'https://ledger.test', () => new Response('ok'))
    const orders = await domain.workload('orders')
    await orders.fetch(url)
    return engineOf(orders).peers.of(ledger.id).clockOffsetSeconds
  }

  it('is a clock that is off by more than half the tolerance, either way', async () => {
    expect([await skewed(0), await skewed(15), await skewed(-15)]).toEqual([0, 0, 0])
    expect([await skewed(16), await skewed(-16), await skewed(400)]).toEqual([16, -16, 400])
  })

  it('is forgotten once the clock is right again', async () => {
    const { orders, ledger } = await between((domain) => (to, init) => domain.deliver(new Request(to, init)))
    const known = engineOf(orders).peers.of(ledger.id)
    known.clockOffsetSeconds = 20
    await orders.fetch(url)
    expect(known.clockOffsetSeconds).toBe(0)
  })

  it('is not that sealing is asked for, but by a 415 of that kind', async () => {
    const kind = 'urn:countersign:problem:encryption-required'
    const type = 'application/problem+json'
    for (const [status, contentType, body, asks] of [
      [415, type, { type: kind }, true],
      [400, type, { type: kind }, false],
      [415, type, { type: 'urn:countersign:problem:malformed' }, false],
      [415, 'application/json', { type: kind }, false],
    ] as const) {
      const { domain, orders, ledger } = await between((domain) => (to, init) => domain.deliver(new Request(to, init)))
      const headers = { 'content-type': contentType }
      domain.serve(ledger, 'https://ledger.test', () => new Response(JSON.stringify(body), { status, headers }))
      await orders.fetch(url)
      expect(engineOf(orders).peers.of(ledger.id).demandsSeal, `${status} ${body.type}`).toBe(asks)
    }
  })

  it('is nothing where the answer does not hold', async () => {
    const { orders, ledger } = await between(changed((answer) => new Response('ko', answer)))
    await expect(orders.fetch(url)).rejects.toMatchObject({ code: 'answer-invalid' })
    expect(engineOf(orders).peers.of(ledger.id).sealKey).toBeUndefined()
  })
})

it('observes as the call says, whatever its workload does', async () => {
  const { orders } = await between(() => async () => new Response('legacy'))
  const observing = await orders.fetch(url, { countersign: { mode: 'observe' } })
  expect(await observing.text()).toBe('legacy')
  const lenient = await between(() => async () => new Response('legacy'), 'observe')
  const strict = lenient.orders.fetch(url, { countersign: { mode: 'enforce' } })
  await expect(strict).rejects.toMatchObject({ code: 'answer-unsigned' })
})

it('passes on what fails for another reason than the answer', async () => {
  const { orders, ledger } = await between((domain) => (to, init) => domain.deliver(new Request(to, init)), 'observe')
  const broken = new TypeError('the verifier has a bug')
  const tokens = { verify: () => Promise.reject(broken) }
  const wanted = { input: url, init: undefined, defaults: {} }
  const destination = { peerAt: () => ledger.id, baseUrl: undefined, basePath: '' }
  await expect(call({ ...engineOf(orders), tokens }, destination, wanted)).rejects.toBe(broken)
})

it('takes an answer bound to no more than the draft demands only where a call says so', async () => {
  const domain = await testDomain('acme.test')
  const ledger = await domain.workload('ledger')
  const orders = await domain.workload('orders', {
    peers: { 'https://ledger.test': ledger.id },
    // A server of another make.
    async transport(to, init) {
      const { pathname } = new URL(to)
      const request = { method: init.method ?? '', target: pathname, fields: fieldsOf(new Headers(init.headers)) }
      const whole = readProof(request.fields, 'request')
      if (whole === undefined) throw new Error('no proof')
      const { label, parameters, signature, member } = whole
      const components = ['@method', '@request-target'].map(componentOf)
      const requestProof = createProof({ label, parameters, signature, member, components })
      const { token, signingKey } = await engineOf(ledger).credentials.current()
      const response = { status: 204, fields: new Fields(['workload-identity-token', token]) }
      const created = Math.floor(domain.clock.now() / 1000)
      const said = { created, expires: created + 60, nonce: 'n', tag: WIMSE_TAG, signResponse: false }
      const { fields } = await signAnswer({
        response,
        request,
        requestProof,
        parameters: { ...said, requestNonce: parameters.nonce },
        signingKey,
      })
      return new Response(null, { status: 204, headers: headersOf(response.fields.with(fields)) })
    },
  })
  await expect(orders.fetch(url)).rejects.toMatchObject({ code: 'answer-unbound' })
  const countersign = { dangerouslyAcceptUnboundAnswers: true }
  expect((await orders.fetch(url, { countersign })).status).toBe(204)
})

it('an answer without a signature is refused', async () => {
  const tap = await createTap()
  for (const countersign of [{}, { proof: 'signature' }] as const) {
    tap.between = async (message) => {
      const answer = await tap.deliver(message)
      return { ...answer, fields: answer.fields.filter((name) => !name.startsWith('signature')) }
    }
    await expect(tap.call('/a', { countersign })).rejects.toMatchObject({ code: 'answer-unsigned' })
  }
})

it('an answer without a token is refused', async () => {
  const tap = await createTap({ orders: { sessions: false } })
  tap.between = async (message) => {
    const answer = await tap.deliver(message)
    return { ...answer, fields: answer.fields.filter((name) => name !== 'workload-identity-token') }
  }
  await expect(tap.call()).rejects.toMatchObject({ code: 'answer-unsigned' })
})
