import { expect, it } from 'vitest'
import { Fields } from '../../../src/core/message.ts'
import { admit } from '../../../src/flow/admit.ts'
import type { Authenticator } from '../../../src/peer/authenticator.ts'
import { workloadProof } from '../../../src/peer/workload-proof.ts'
import { definePolicy } from '../../../src/policy/define-policy.ts'
import { testDomain } from '../../../src/testing/test-domain.ts'
import type { WorkloadOptions } from '../../../src/workload/workload-options.ts'
import { createWire, withoutField } from '../../refusals/wire.ts'

const nothing = definePolicy({ version: 1, rules: [] })
const anybody = definePolicy({ version: 1, rules: [{ id: 'all', effect: 'allow', from: ['anonymous'], to: ['* /*'] }] })

it('answers discovery to proven callers before policy', async () => {
  const wire = await createWire({ policy: nothing })
  const message = await wire.capture({}, '/.well-known/countersign')
  expect(await wire.deliver(message)).toMatchObject({ ran: false, status: 200, signed: true, events: 1 })
})

it('discovery is refused to who proved nothing', async () => {
  const wire = await createWire({ policy: anybody })
  const message = await wire.capture({}, '/.well-known/countersign')
  const bare = ['signature', 'signature-input', 'workload-identity-token'].reduce(withoutField, message)
  expect(await wire.deliver(bare)).toMatchObject({ ran: false, status: 400, code: 'proof-missing' })
})

it('answers GET alone, below its own mount alone, and writes it down as allowed', async () => {
  const wire = await createWire({ policy: nothing })
  const posted = await wire.capture({ method: 'POST' }, '/.well-known/countersign')
  expect(await wire.deliver(posted)).toMatchObject({ ran: false, code: 'policy-denied' })
  const discover = async (mountPath: string, path: string) => {
    const { method, target, raw } = await wire.capture({}, path)
    const request = { method, target, fields: new Fields(raw) }
    const admission = await admit(wire.guard, {
      request,
      mountPath,
      announcesBody: false,
      readBody: () => new Uint8Array(0),
    })
    if (admission.kind !== 'answered') throw new Error('it was admitted')
    return admission.response.status
  }
  expect(await discover('/api', '/api/.well-known/countersign')).toBe(200)
  expect(await discover('/api', '/.well-known/countersign')).toBe(403)
  expect(await discover('', '/api/.well-known/countersign')).toBe(403)
  await wire.deliver(await wire.capture({}, '/.well-known/countersign'))
  expect(wire.domain.sink.events.at(-1)).toMatchObject({ status: 200, effect: 'allow' })
})

it('says whether a route demands sealing', async () => {
  const sealed = definePolicy({
    version: 1,
    rules: [{ id: 's', effect: 'allow', from: ['spiffe://acme.test/*'], to: ['GET /s'], when: { sealed: true } }],
  })
  for (const [options, seal] of [
    [{ policy: nothing }, false],
    [{ policy: sealed }, true],
    [{ policy: nothing, seal: 'required' }, true],
    [{ policy: { decide: () => ({ effect: 'deny' as const }) } }, false],
  ] as const) {
    const wire = await createWire(options)
    const { method, target, raw } = await wire.capture({}, '/.well-known/countersign')
    const request = { method, target, fields: new Fields(raw) }
    const arrival = { request, mountPath: '', announcesBody: false, readBody: () => new Uint8Array(0) }
    const admission = await admit(wire.guard, arrival)
    if (admission.kind !== 'answered') throw new Error('it was admitted')
    const document: unknown = JSON.parse(new TextDecoder().decode(admission.response.body))
    expect(document).toEqual({ v: 1, sessions: true, seal })
  }
})

it('says whether sessions may be opened', async () => {
  const without = async (options: { accept?: Authenticator[] }, overrides: Partial<WorkloadOptions>) => {
    const domain = await testDomain('acme.test')
    domain.serve(await domain.workload('ledger', overrides), 'https://ledger.test', () => new Response('ok'), options)
    const orders = await domain.workload('orders')
    return (await orders.fetch('https://ledger.test/.well-known/countersign')).json()
  }
  expect(await without({}, {})).toEqual({ v: 1, sessions: true, seal: false })
  expect(await without({}, { sessions: false })).toEqual({ v: 1, sessions: false, seal: false })
  expect(await without({ accept: [workloadProof('signature')] }, {})).toMatchObject({ sessions: false })
  expect(await without({ accept: [workloadProof('session', 'signature')] }, {})).toMatchObject({ sessions: true })
})
