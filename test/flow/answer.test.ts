import { describe, expect, it } from 'vitest'
import { utf8 } from '../../src/core/bytes.ts'
import { CountersignError } from '../../src/core/errors.ts'
import { Fields } from '../../src/core/message.ts'
import { admit } from '../../src/flow/admit.ts'
import { answerHandled, answerSelf } from '../../src/flow/answer.ts'
import type { HttpAnswer } from '../../src/flow/http-answer.ts'
import type { Opened } from '../../src/flow/inbound/stages.ts'
import { createRation } from '../../src/flow/ration.ts'
import { testDomain } from '../../src/testing/test-domain.ts'
import { answerOf } from '../../src/workload/secure-fetch.ts'
import { createWire, deliverTo, fieldAt, type Wire, withField } from '../refusals/wire.ts'

async function admitted(wire: Wire, init?: Parameters<Wire['capture']>[0]): Promise<Opened> {
  const { method, target, raw, body } = await wire.capture(init)
  const admission = await admit(wire.guard, {
    request: { method, target, fields: new Fields(raw) },
    mountPath: '',
    announcesBody: body.length > 0,
    readBody: () => body,
  })
  if (admission.kind !== 'admitted') throw admission.error
  return admission.stage
}

const handled = (raw: readonly string[] = []): HttpAnswer => ({
  status: 200,
  fields: new Fields(raw),
  body: utf8('{"a":1}'),
})
const sealedCall = { method: 'POST', body: 'x', countersign: { seal: 'always' as const } }

it('signs every field, forbids caching and transformation, and drops what only it may write', async () => {
  const wire = await createWire()
  const stage = await admitted(wire)
  const own = [
    'X-Own',
    '1',
    'Signature',
    'x=:AA==:',
    'Content-Digest',
    'x',
    'Cache-Control',
    'public',
    'Workload-Identity-Token',
    'a.b.c',
  ]
  const { fields } = await answerHandled(wire.guard, stage, handled(own))
  expect(fields.get('cache-control')).toBe('no-store, no-transform')
  expect(fields.all('content-digest')).toEqual([expect.stringMatching(/^sha-256=:/)])
  expect(fields.all('workload-identity-token')).not.toContain('a.b.c')
  expect(fields.get('signature-input')).toContain('"x-own"')
  expect(fields.get('signature-input')).toContain('"signature-input";req;key="wimse"')
})

it('an answer with a content coding is not sealed but refused', async () => {
  const wire = await createWire()
  const stage = await admitted(wire, sealedCall)
  expect(await answerHandled(wire.guard, stage, handled(['content-encoding', 'gzip']))).toMatchObject({ status: 501 })
})

it('an answer that has to be sealed and cannot be does not leave', async () => {
  const wire = await createWire()
  const stage = await admitted(wire, sealedCall)
  const keyless = { ...stage, token: stage.token === undefined ? undefined : { ...stage.token, sealKey: undefined } }
  // What cannot come out of admit: the key is gone between request and answer.
  const answer = await answerHandled(wire.guard, keyless as Opened, handled())
  expect(answer.status).toBe(501)
  expect(new TextDecoder().decode(answer.body)).not.toContain('"a":1')
})

it('an answer that is too large to be signed as a whole does not leave', async () => {
  const wire = await createWire()
  const answer = await answerHandled(wire.guard, await admitted(wire), 'too-large')
  expect(answer.status).toBe(501)
  expect(answer.fields.has('signature')).toBe(true)
  await wire.ledger.audit.flush()
  expect(wire.domain.sink.events.at(-1)).toMatchObject({ code: 'answer-unsignable', effect: 'allow', status: 501 })
})

it('a handler that failed is answered with a signed 500', async () => {
  const wire = await createWire()
  const answer = await answerHandled(wire.guard, await admitted(wire), 'failed')
  expect([answer.status, answer.fields.has('signature')]).toEqual([500, true])
})

it('gives the same bytes for every cause of one kind, but for the call', async () => {
  const wire = await createWire()
  const { problemOf } = await import('../../src/flow/problem.ts')
  const id = '00000000-0000-4000-8000-000000000000'
  const text = (code: Parameters<typeof problemOf>[0]) => new TextDecoder().decode(problemOf(code, id).body)
  expect(text('proof-invalid')).toBe(text('token-revoked'))
  expect(text('proof-invalid')).toBe(text('digest-mismatch'))
  expect(text('policy-denied')).not.toBe(text('proof-invalid'))
  await wire.ledger.close()
})

it('answers with a signed problem where a handler sets what cannot be signed', async () => {
  const wire = await createWire()
  const many = Array.from({ length: 200 }, (_, i) => [`x-${i}`, '1']).flat()
  for (const raw of [['x-name', 'Jürgen'], many, ['x-break', 'a\nb']]) {
    wire.domain.sink.clear()
    const answer = await answerHandled(wire.guard, await admitted(wire), handled(raw))
    expect([answer.status, answer.fields.has('signature')]).toEqual([501, true])
    expect(new TextDecoder().decode(answer.body)).not.toContain('"a":1')
    await wire.ledger.audit.flush()
    const events = wire.domain.sink.events.filter(({ side }) => side === 'callee')
    expect(events).toMatchObject([{ code: 'answer-unsignable', status: 501 }])
  }
})

it('answers barely, and writes it down, where there is nothing left to sign with', async () => {
  const wire = await createWire()
  const stage = await admitted(wire)
  const { credentials } = wire.guard.engine
  const gone: typeof credentials = {
    current: () => Promise.reject(new CountersignError('credentials-unavailable')),
    sealKeys: () => [],
    health: () => [],
    close: () => undefined,
  }
  const guard = { ...wire.guard, engine: { ...wire.guard.engine, credentials: gone } }
  const answer = await answerHandled(guard, stage, handled())
  expect([answer.status, answer.fields.has('signature')]).toEqual([503, false])
  const { method, target, raw } = await wire.capture()
  const request = { method, target, fields: new Fields(raw) }
  const arrival = { request, mountPath: '', announcesBody: false, readBody: () => utf8('') }
  const admission = await admit(guard, arrival)
  if (admission.kind === 'admitted') throw new Error('it was admitted')
  expect(await answerSelf(guard, admission)).toMatchObject({ status: 503 })
  await wire.ledger.audit.flush()
  const codes = wire.domain.sink.events.filter(({ side }) => side === 'callee').map(({ code }) => code)
  expect(codes).toEqual(['credentials-unavailable', 'credentials-unavailable'])
})

it('gives answers to HEAD, 204 and 304, and empty ones, neither body nor digest', async () => {
  const wire = await createWire()
  const cases = [
    { method: 'HEAD', status: 200, body: utf8('x') },
    { method: 'GET', status: 204, body: utf8('x') },
    { method: 'GET', status: 304, body: utf8('x') },
    { method: 'GET', status: 200, body: utf8('') },
  ]
  for (const { method, status, body } of cases) {
    const stage = await admitted(wire, { method })
    const answer = await answerHandled(wire.guard, stage, { status, fields: new Fields([]), body })
    expect(answer.body, `${method} ${status}`).toBeUndefined()
    expect([answer.fields.has('content-digest'), answer.fields.has('signature')]).toEqual([false, true])
  }
})

it('answers who proved nothing without the fields of a proof', async () => {
  const wire = await createWire({ mode: 'observe', policy: { decide: () => ({ effect: 'allow' }) } })
  const admission = await admit(wire.guard, {
    request: { method: 'GET', target: '/', fields: new Fields([]) },
    mountPath: '',
    announcesBody: false,
    readBody: () => utf8(''),
  })
  if (admission.kind !== 'admitted') throw admission.error
  const own = ['Signature', 'x=:AA==:', 'Workload-Identity-Token', 'a.b.c', 'Cache-Control', 'public', 'X-Own', '1']
  const { fields } = await answerHandled(wire.guard, admission.stage, handled(own))
  expect([...fields.names()]).toEqual(['cache-control', 'x-own'])
})

it('says nothing of what failed within but that the answer could not be signed', async () => {
  const wire = await createWire()
  const stage = await admitted(wire)
  const { credentials } = wire.guard.engine
  const broken: typeof credentials = {
    current: () => Promise.reject(new CountersignError('key-invalid')),
    sealKeys: () => [],
    health: () => [],
    close: () => undefined,
  }
  const guard = { ...wire.guard, engine: { ...wire.guard.engine, credentials: broken } }
  expect(await answerHandled(guard, stage, handled())).toMatchObject({ status: 501 })
  await wire.ledger.audit.flush()
  expect(wire.domain.sink.events.at(-1)).toMatchObject({ code: 'answer-unsignable' })
})

describe('refusals', () => {
  /** The wire of a guard whose ration for strangers is used up after the first of each address. */
  async function rationed(options?: Parameters<typeof createWire>[0]): Promise<Wire> {
    const wire = await createWire(options)
    const unproven = createRation({ count: 1, perMs: 1000, monotonicMs: () => 0 })
    const guard = { ...wire.guard, engine: { ...wire.guard.engine, unproven } }
    const deliver: Wire['deliver'] = (message, address) => deliverTo({ ...wire, guard }, message, address)
    return { ...wire, guard, deliver }
  }

  it('are signed for strangers within the ration of their address', async () => {
    const wire = await rationed()
    const message = withField(await wire.capture({ headers: { 'x-a': '1' } }), 'x-a', '2')
    const signed = async (address: string) => (await wire.deliver(message, address)).signed
    expect([await signed('192.0.2.1'), await signed('192.0.2.1'), await signed('192.0.2.2')]).toEqual([
      true,
      false,
      true,
    ])
  })

  it('are always signed for who has proven himself', async () => {
    const wire = await rationed({ policy: { decide: () => ({ effect: 'deny' }) } })
    for (let i = 0; i < 3; i++) {
      const outcome = await wire.deliver(await wire.capture(), '192.0.2.1')
      expect(outcome).toMatchObject({ code: 'policy-denied', signed: true })
    }
  })

  it('are not signed for a stranger who did not ask', async () => {
    const wire = await createWire()
    const message = await wire.capture()
    const input = fieldAt(message, 'signature-input').replace(';wimse-sign-response', '')
    expect(await wire.deliver(withField(message, 'signature-input', input))).toMatchObject({
      code: 'proof-invalid',
      signed: false,
    })
  })
})

it('a sealed answer of any status can be opened', async () => {
  const domain = await testDomain('acme.test')
  const handler = () => new Response('made', { status: 201, headers: { 'content-type': 'text/made' } })
  domain.serve(await domain.workload('ledger'), 'https://ledger.test', handler)
  const orders = await domain.workload('orders')
  const answer = await orders.fetch('https://ledger.test/a', sealedCall)
  expect([answer.status, answer.headers.get('content-type'), await answer.text()]).toEqual([201, 'text/made', 'made'])
  expect(answerOf(answer).sealed).toBe(true)
})
