import { describe, expect, it } from 'vitest'
import { CountersignError } from '../../../src/core/errors.ts'
import { Fields } from '../../../src/core/message.ts'
import { admit } from '../../../src/flow/admit.ts'
import { engineOf } from '../../../src/flow/workload.ts'
import { selfIssued } from '../../../src/keys/credentials.ts'
import { definePolicy } from '../../../src/policy/define-policy.ts'
import { testDomain } from '../../../src/testing/test-domain.ts'
import type { WorkloadOptions } from '../../../src/workload/workload-options.ts'
import { createWire, otherSignature, withField, withoutField } from '../../refusals/wire.ts'

const sealedOnly = definePolicy({
  version: 1,
  rules: [{ id: 'sealed', effect: 'allow', from: ['spiffe://acme.test/*'], to: ['* /*'], when: { sealed: true } }],
})

it('a caller who proved nothing is asked for a proof where the policy does not allow the anonymous', async () => {
  const wire = await createWire()
  const message = await wire.capture()
  const bare = ['signature', 'signature-input', 'workload-identity-token'].reduce(withoutField, message)
  expect(await wire.deliver(bare)).toMatchObject({ ran: false, code: 'proof-missing', status: 400 })
})

it('a plaintext body is refused where sealing is demanded', async () => {
  const byPolicy = await createWire({ policy: sealedOnly })
  const byGuard = await createWire({ seal: 'required' })
  for (const wire of [byPolicy, byGuard]) {
    const message = await wire.capture({ method: 'POST', body: 'plain' })
    expect(await wire.deliver(message)).toMatchObject({
      ran: false,
      code: 'encryption-required',
      status: 415,
      bodyWasRead: false,
    })
  }
})

it('a policy that fails to decide refuses the call', async () => {
  const decide = () => {
    throw new Error('the policy engine is down')
  }
  const wire = await createWire({ policy: { decide } })
  expect(await wire.deliver(await wire.capture())).toMatchObject({
    ran: false,
    code: 'policy-unavailable',
    status: 503,
  })
})

describe('callers without a seal key', () => {
  async function withoutSealKey(overrides: Partial<WorkloadOptions>): Promise<{ status: number; ran: boolean }> {
    const domain = await testDomain('acme.test')
    const ledger = await domain.workload('ledger')
    let ran = false
    const handler = () => {
      ran = true
      return new Response('secret')
    }
    domain.serve(ledger, 'https://ledger.test', handler, { policy: sealedOnly })
    const orders = await domain.workload('orders', { credentials: await sameAnchor(domain), ...overrides })
    const answer = await orders.fetch('https://ledger.test/x')
    return { status: answer.status, ran }
  }

  /** The anchor of the domain without its recipient key. */
  async function sameAnchor(domain: Awaited<ReturnType<typeof testDomain>>): Promise<ReturnType<typeof selfIssued>> {
    const { keys } = await domain.credentials()
    return selfIssued({ keys: keys.filter(({ use }) => use !== 'enc') })
  }

  it('get 415 where the answer would have to be sealed', async () => {
    expect(await withoutSealKey({ sessions: false })).toEqual({ status: 415, ran: false })
  })

  it('are answered under a session, whose keys they have', async () => {
    expect(await withoutSealKey({})).toEqual({ status: 200, ran: true })
  })
})

it('a sealed request of a caller to whom the answer cannot be sealed is refused', async () => {
  const wire = await createWire()
  const { keys } = await wire.domain.credentials()
  const credentials = selfIssued({ keys: keys.filter(({ use }) => use !== 'enc') })
  const mute = engineOf(await wire.domain.workload('mute', { credentials, sessions: false }))
  const { peers, transport, credentials: full } = engineOf(wire.orders)
  // The library itself does not send this: the caller here claims a key that its token does not name.
  const claims: typeof full = {
    current: () => mute.credentials.current(),
    sealKeys: () => full.sealKeys(),
    health: () => [],
    close: () => undefined,
  }
  const engine = { ...mute, peers, transport, credentials: claims }
  const message = await wire.capture({ method: 'POST', body: 'x', countersign: { seal: 'always' } }, '/v1', engine)
  expect(await wire.deliver(message)).toMatchObject({ ran: false, code: 'encryption-required', status: 415 })
})

it('writes down what a rule that only observes would have denied', async () => {
  const policy = definePolicy({
    version: 1,
    rules: [
      { id: 'soon', effect: 'deny', from: ['spiffe://acme.test/*'], to: ['* /*'], mode: 'observe' },
      { id: 'all', effect: 'allow', from: ['spiffe://acme.test/*'], to: ['* /*'] },
    ],
  })
  const wire = await createWire({ policy })
  expect(await wire.deliver(await wire.capture())).toMatchObject({ ran: true, code: 'policy-denied' })
  expect(wire.domain.sink.events.at(-1)).toMatchObject({ observed: true, effect: 'allow', rule: 'soon' })
})

it('lets GET and HEAD pass unproven on exempt paths, exactly as they arrived, and nothing else', async () => {
  const wire = await createWire({ exempt: ['/healthz'] })
  const probe = async (method: string, target: string) =>
    (await wire.deliver({ method, target, raw: [], body: new Uint8Array(0) })).ran
  expect([await probe('GET', '/healthz'), await probe('HEAD', '/healthz'), await probe('GET', '/healthz?a')]).toEqual([
    true,
    true,
    true,
  ])
  for (const [method, target] of [
    ['POST', '/healthz'],
    ['OPTIONS', '/healthz'],
    ['GET', '/healthz/'],
    ['GET', '/Healthz'],
    ['GET', '/healthz/x'],
    ['GET', '/x/healthz'],
  ] as const) {
    expect(await probe(method, target), `${method} ${target}`).toBe(false)
  }
  const signed = await wire.capture({}, '/healthz')
  const outcome = await wire.deliver(withField(signed, 'signature', otherSignature(signed)))
  expect(outcome).toMatchObject({ ran: false, code: 'proof-invalid' })
})

it('asks the policy about peer, method, path, sealing and address', async () => {
  const asked: unknown[] = []
  const decide = (question: unknown) => {
    asked.push(question)
    return { effect: 'allow' as const }
  }
  const wire = await createWire({ policy: { decide } })
  await wire.deliver(await wire.capture({ method: 'PUT', body: 'x' }, '/a?b=1'), '192.0.2.1')
  await wire.deliver(await wire.capture({ method: 'PUT', body: 'x', countersign: { seal: 'always' } }, '/a'))
  const peer = expect.objectContaining({ id: wire.orders.id, authenticatedBy: 'signature' })
  expect(asked).toEqual([
    { peer, method: 'PUT', path: '/a', sealed: false, address: '192.0.2.1' },
    { peer, method: 'PUT', path: '/a', sealed: true },
  ])
})

it('passes on what a policy says of its own failure', async () => {
  const decide = () => {
    throw new CountersignError('policy-unavailable', { detail: { step: 'its own' } })
  }
  const wire = await createWire({ policy: { decide } })
  expect(await wire.deliver(await wire.capture())).toMatchObject({ code: 'policy-unavailable' })
  expect(wire.domain.sink.events.at(-1)).toMatchObject({ step: 'its own' })
})

it('seals the answer to a call without a body where sealing is demanded, asked for or not', async () => {
  for (const options of [{ policy: sealedOnly }, { seal: 'required' as const }]) {
    const wire = await createWire(options)
    for (const seal of ['never', 'always'] as const) {
      const { method, target, raw } = await wire.capture({ countersign: { seal } })
      const request = { method, target, fields: new Fields(raw) }
      const arrival = { request, mountPath: '', announcesBody: false, readBody: () => new Uint8Array(0) }
      expect(await admit(wire.guard, arrival)).toMatchObject({ kind: 'admitted', stage: { sealAnswer: true } })
    }
  }
})

it('seals no answer for a wish that no proof covers', async () => {
  const wire = await createWire()
  const { method, target, raw } = await wire.capture()
  const request = { method, target, fields: new Fields([...raw, 'accept-envelope', 'sve1']) }
  const arrival = { request, mountPath: '', announcesBody: false, readBody: () => new Uint8Array(0) }
  expect(await admit(wire.guard, arrival)).toMatchObject({ kind: 'admitted', stage: { sealAnswer: false } })
})

it('takes a sealed body where sealing is demanded', async () => {
  for (const options of [{ policy: sealedOnly }, { seal: 'required' as const }]) {
    const wire = await createWire(options)
    const message = await wire.capture({ method: 'POST', body: 'x', countersign: { seal: 'always' } })
    expect(await wire.deliver(message)).toMatchObject({ ran: true, code: undefined })
  }
})

it('holds sealing while observing, whatever a policy makes of it', async () => {
  const never = { decide: () => ({ effect: 'deny' as const, code: 'encryption-required' as const }) }
  for (const mode of ['enforce', 'observe'] as const) {
    for (const options of [{ policy: never }, { policy: sealedOnly }, { seal: 'required' as const }]) {
      const wire = await createWire({ ...options, mode })
      const post = await wire.capture({ method: 'POST', body: 'plain' })
      expect(await wire.deliver(post)).toMatchObject({ ran: false, code: 'encryption-required', status: 415 })
    }
    const wire = await createWire({ policy: never, mode })
    expect(await wire.deliver(await wire.capture())).toMatchObject({ ran: false, code: 'encryption-required' })
  }
})

it('seals no answer for who asks and has no key to open it', async () => {
  const wire = await createWire()
  const { keys } = await wire.domain.credentials()
  const credentials = selfIssued({ keys: keys.filter(({ use }) => use !== 'enc') })
  const mute = engineOf(await wire.domain.workload('mute', { credentials }))
  const { peers, transport, credentials: full } = engineOf(wire.orders)
  const claims: typeof full = {
    current: () => mute.credentials.current(),
    sealKeys: () => full.sealKeys(),
    health: () => [],
    close: () => undefined,
  }
  const engine = { ...mute, peers, transport, credentials: claims }
  const message = await wire.capture({ countersign: { seal: 'always' } }, '/v1', engine)
  expect(await wire.deliver(message)).toMatchObject({ ran: true, status: 200, code: undefined })
})
