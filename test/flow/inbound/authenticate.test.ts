import { expect, it } from 'vitest'
import { checkGuardOptions, guardSettings } from '../../../src/flow/inbound/guard-settings.ts'
import { engineOf } from '../../../src/flow/workload.ts'
import type { Authenticator } from '../../../src/peer/authenticator.ts'
import { workloadProof } from '../../../src/peer/workload-proof.ts'
import { definePolicy } from '../../../src/policy/define-policy.ts'
import { testDomain } from '../../../src/testing/test-domain.ts'
import { mergeTrust, trustBundle } from '../../../src/trust/source.ts'
import { changingTap, settle, trusting } from '../../refusals/session-wire.ts'
import { createWire, deliverTo, withField, withoutField } from '../../refusals/wire.ts'

const anybody = definePolicy({
  version: 1,
  rules: [{ id: 'all', effect: 'allow', from: ['anonymous', 'spiffe://acme.test/*', 'user:1'], to: ['* /*'] }],
})

it('a workload identity token without a proof is refused', async () => {
  const wire = await createWire({ policy: anybody })
  const message = await wire.capture()
  const bare = withoutField(withoutField(message, 'signature'), 'signature-input')
  expect(await wire.deliver(bare)).toMatchObject({ ran: false, code: 'proof-missing' })
})

it('a proof that is addressed to another workload is refused', async () => {
  const wire = await createWire()
  for (const audience of ['spiffe://acme.test/other', 'https://ledger.test', 'spiffe://acme.test/ledger/', '']) {
    if (audience === '') continue
    const message = await wire.capture({ countersign: { seal: 'never', audience } })
    expect(await wire.deliver(message)).toMatchObject({ ran: false, code: 'audience-mismatch' })
  }
})

it('evidence that an authenticator of your own calls bad is refused', async () => {
  const strict: Authenticator = {
    name: 'strict',
    authenticate({ header }) {
      if (header('x-badge') === undefined) return undefined
      throw new Error('a bad badge')
    },
  }
  const wire = await createWire({ policy: anybody, accept: [strict, workloadProof()] })
  const message = await wire.capture()
  const raw = [...message.raw, 'x-badge', '1']
  expect(await wire.deliver({ ...message, raw })).toMatchObject({ ran: false, code: 'proof-invalid' })
  expect(await wire.deliver(message)).toMatchObject({ ran: true })
})

it('an authenticator of your own cannot give the identity of a workload', async () => {
  for (const id of [
    'spiffe://acme.test/orders',
    'wimse://acme.test/orders',
    'corp://acme.test/orders',
    'SPIFFE:x',
    'anonymous',
  ]) {
    const liar: Authenticator = { name: 'liar', authenticate: () => ({ id }) }
    const wire = await createWire({ policy: anybody, accept: [liar] })
    const message = await wire.capture()
    expect(await wire.deliver(message), id).toMatchObject({ ran: false, code: 'proof-invalid' })
  }
  const honest: Authenticator = { name: 'honest', authenticate: () => ({ id: 'user:1', scopes: ['a'] }) }
  const wire = await createWire({ policy: anybody, accept: [honest] })
  expect(await wire.deliver(withField(await wire.capture(), 'accept', 'x'))).toMatchObject({ ran: true })
})

it('takes a URL for its own where the origin or prefix is among its audiences and the path is the signed one', async () => {
  const outcomeOf = async (ours: string, audience: string, path: string) => {
    const wire = await createWire()
    const engine = { ...engineOf(wire.ledger), audiences: [ours] }
    const guard = guardSettings(engine, checkGuardOptions({ policy: anybody }))
    const message = await wire.capture({ countersign: { seal: 'never', audience } }, path)
    return (await deliverTo({ ...wire, guard }, message)).code ?? 'taken'
  }
  const origin = 'https://pay.test'
  expect(await outcomeOf(origin, `${origin}/v1/a`, '/v1/a')).toBe('taken')
  expect(await outcomeOf(origin, `${origin}/v1/a`, '/v1/a?q=1')).toBe('taken')
  expect(await outcomeOf(`${origin}/v1`, `${origin}/v1/a`, '/v1/a')).toBe('taken')
  expect(await outcomeOf(`${origin}/v1/`, `${origin}/v1/a`, '/v1/a')).toBe('taken')
  expect(await outcomeOf(`${origin}/v1`, `${origin}/v1`, '/v1')).toBe('taken')
  for (const [ours, audience, path] of [
    [origin, `${origin}/v1/a`, '/v1/b'],
    [origin, `${origin}/v1/`, '/v1/a'],
    [origin, origin, '/'],
    [origin, `${origin}.evil/v1/a`, '/v1/a'],
    [origin, 'http://pay.test/v1/a', '/v1/a'],
    [`${origin}/v1`, `${origin}/v11`, '/v11'],
    [`${origin}/v1`, `${origin}/v2/a`, '/v2/a'],
    ['https://other.test', `${origin}/v1/a`, '/v1/a'],
  ] as const) {
    expect(await outcomeOf(ours, audience, path), `${audience} for ${ours}`).toBe('audience-mismatch')
  }
})

it('lets the first way decide whose evidence is present, by names in any case', async () => {
  const badge = (name: string): Authenticator => ({
    name,
    authenticate: ({ header }) => (header('X-Badge') === name ? { id: `user:${name}` } : undefined),
  })
  const policy = definePolicy({ version: 1, rules: [{ id: 'a', effect: 'allow', from: ['user:a'], to: ['* /*'] }] })
  const wire = await createWire({ policy, accept: [badge('a'), badge('b'), workloadProof()] })
  const probe = (value: string) => ({ method: 'GET', target: '/', raw: ['x-badge', value], body: new Uint8Array(0) })
  expect(await wire.deliver(probe('a'))).toMatchObject({ ran: true })
  expect(await wire.deliver(probe('b'))).toMatchObject({ ran: false, code: 'policy-denied' })
  expect(await wire.deliver(probe('c'))).toMatchObject({ ran: false, code: 'proof-missing' })
})

it('believes no authenticator of your own whose callers have no name', async () => {
  for (const id of ['', undefined, 5, null, { toString: () => 'user:1' }]) {
    // What an authenticator in JavaScript may give.
    const careless: Authenticator = { name: 'careless', authenticate: () => ({ id: id as string }) }
    const wire = await createWire({ policy: { decide: () => ({ effect: 'allow' }) }, accept: [careless] })
    expect(await wire.deliver(await wire.capture())).toMatchObject({ ran: false, code: 'proof-invalid' })
  }
})

it('a session that was opened under a key of ours that was rotated out has ended', async () => {
  const { tap, credentials, other } = await changingTap()
  const [message, late] = [await tap.capture(), await tap.capture()]
  expect(await tap.codeOf(message)).toBe('ran')
  const { keys } = await tap.domain.credentials()
  credentials.change({ keys: [other, ...keys.slice(1)] })
  await settle()
  expect(await tap.codeOf(late)).toBe('session-unknown')
  expect(engineOf(tap.ledger).sessions?.table.size).toBe(0)
})

it('a session of a caller for whose token trust no longer vouches has ended', async () => {
  const { tap, trust, anchor } = await changingTap()
  const [message, late] = [await tap.capture(), await tap.capture()]
  expect(await tap.codeOf(message)).toBe('ran')
  trust.change(trusting(anchor))
  await settle()
  expect(await tap.codeOf(late)).toBe('session-unknown')
  expect(engineOf(tap.ledger).sessions?.table.size).toBe(0)
})

it('whom an authenticator of your own names is refused where trust has revoked the name', async () => {
  const badge: Authenticator = { name: 'badge', authenticate: ({ header }) => ({ id: `user:${header('x-badge')}` }) }
  const domain = await testDomain('acme.test')
  const trust = mergeTrust(domain.trust, trustBundle({ revoked: { workloads: ['user:1'] } }))
  const ledger = await domain.workload('ledger', { trust })
  const policy = { decide: () => ({ effect: 'allow' }) as const }
  domain.serve(ledger, 'https://ledger.test', () => new Response('ok'), { accept: [badge], policy })
  const ask = async (name: string) => {
    const headers = { 'x-badge': name }
    const { status } = await domain.deliver(new Request('https://ledger.test/', { headers }))
    await ledger.audit.flush()
    return [status, domain.sink.events.findLast(({ side }) => side === 'callee')?.step]
  }
  expect([await ask('2'), await ask('1')]).toEqual([
    [200, undefined],
    [400, 'revoked'],
  ])
  await ledger.close()
})
