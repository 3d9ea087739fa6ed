import { describe, expect, it } from 'vitest'
import { engineOf } from '../../../src/flow/workload.ts'
import { selfIssued } from '../../../src/keys/credentials.ts'
import { definePolicy } from '../../../src/policy/define-policy.ts'
import { testDomain } from '../../../src/testing/test-domain.ts'
import { createWire, withoutField } from '../../refusals/wire.ts'

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
  async function withoutSealKey(): Promise<{ status: number; ran: boolean }> {
    const domain = await testDomain('acme.test')
    const ledger = await domain.workload('ledger')
    let ran = false
    const handler = () => {
      ran = true
      return new Response('secret')
    }
    domain.serve(ledger, 'https://ledger.test', handler, { policy: sealedOnly })
    const orders = await domain.workload('orders', { credentials: await sameAnchor(domain) })
    const answer = await orders.fetch('https://ledger.test/x')
    return { status: answer.status, ran }
  }

  /** The anchor of the domain without its recipient key. */
  async function sameAnchor(domain: Awaited<ReturnType<typeof testDomain>>): Promise<ReturnType<typeof selfIssued>> {
    const { keys } = await domain.credentials()
    return selfIssued({ keys: keys.filter(({ use }) => use !== 'enc') })
  }

  it('get 415 where the answer would have to be sealed', async () => {
    expect(await withoutSealKey()).toEqual({ status: 415, ran: false })
  })
})

it('a sealed request of a caller to whom the answer cannot be sealed is refused', async () => {
  const wire = await createWire()
  const { keys } = await wire.domain.credentials()
  const credentials = selfIssued({ keys: keys.filter(({ use }) => use !== 'enc') })
  const mute = engineOf(await wire.domain.workload('mute', { credentials }))
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
