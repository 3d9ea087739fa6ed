import { expect, it } from 'vitest'
import { utf8 } from '../../src/core/bytes.ts'
import { CountersignError } from '../../src/core/errors.ts'
import { Fields } from '../../src/core/message.ts'
import { admit } from '../../src/flow/admit.ts'
import { answerHandled, answerSelf } from '../../src/flow/answer.ts'
import type { HttpAnswer } from '../../src/flow/http-answer.ts'
import type { Opened } from '../../src/flow/inbound/stages.ts'
import { createWire, type Wire } from '../refusals/wire.ts'

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
