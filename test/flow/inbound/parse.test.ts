import { expect, it } from 'vitest'
import { callIdOf } from '../../../src/flow/call-id.ts'
import type { GuardOptions } from '../../../src/flow/inbound/guard-options.ts'
import { workloadProof } from '../../../src/peer/workload-proof.ts'
import { createWire, fieldAt, withField } from '../../refusals/wire.ts'

it('a method that is not an upper-case token is refused', async () => {
  const wire = await createWire()
  const message = await wire.capture()
  for (const method of ['get', '', 'GE T', 'G\u0000T', 'A'.repeat(33)]) {
    expect(await wire.deliver({ ...message, method })).toMatchObject({
      ran: false,
      code: 'request-malformed',
      status: 400,
    })
  }
})

it('header fields of more than 64 KiB are refused', async () => {
  const wire = await createWire()
  const message = await wire.capture()
  const raw = [...message.raw, 'x-large', 'x'.repeat(65_536)]
  expect(await wire.deliver({ ...message, raw })).toMatchObject({ ran: false, code: 'request-malformed' })
})

it('an upgrade that is not covered by the signature and listed by the guard is refused', async () => {
  const wire = await createWire({ upgrades: ['websocket'] })
  const message = await wire.capture()
  for (const protocol of ['websocket', 'h2c']) {
    const raw = [...message.raw, 'connection', 'upgrade', 'upgrade', protocol]
    expect(await wire.deliver({ ...message, raw })).toMatchObject({ ran: false, code: 'upgrade-refused' })
  }
})

it('puts back what an ingress cut off the path', async () => {
  const wire = await createWire({ strippedPrefix: '/v1', exempt: ['/healthz'] })
  const found = await wire.capture({}, '/v1/.well-known/countersign')
  expect(await wire.deliver({ ...found, target: '/.well-known/countersign' })).toMatchObject({
    ran: false,
    status: 200,
  })
  const probe = { method: 'GET', target: '/healthz', raw: [], body: new Uint8Array(0) }
  expect(await wire.deliver(probe)).toMatchObject({ ran: true })
  const message = await wire.capture({}, '/v1/charges')
  expect(await wire.deliver({ ...message, target: '/charges' })).toMatchObject({ ran: true })
  const again = await wire.capture({}, '/v1/charges')
  expect(await wire.deliver(again)).toMatchObject({ ran: false, code: 'proof-invalid' })
})

it('a proof of a session that is not open here is refused before the body is read', async () => {
  const wire = await createWire()
  const now = Math.floor(wire.domain.clock.now() / 1000)
  const input = `session=("@method" "@request-target");created=${now};expires=${now + 60};nonce="1";keyid="AAAAAAAAAAAAAAAAAAAAAA";tag="countersign-session";wimse-aud="${wire.ledger.id}";wimse-sign-response`
  const raw = ['signature-input', input, 'signature', 'session=:AAAA:']
  const message = { method: 'POST', target: '/v1', raw, body: new Uint8Array([1]) }
  const outcome = await wire.deliver(message)
  expect(outcome).toMatchObject({ ran: false, code: 'session-unknown', status: 400, bodyWasRead: false, signed: true })
})

it('takes an upgrade that is covered and listed, by any spelling', async () => {
  const wire = await createWire({ upgrades: ['WebSocket'] })
  const message = await wire.capture()
  // Whether the signature holds is a later question.
  const input = fieldAt(message, 'signature-input').replace('("@method"', '("upgrade" "@method"')
  const covered = withField(message, 'signature-input', input)
  for (const [protocol, code] of [
    ['websocket', 'proof-invalid'],
    ['WEBSOCKET', 'proof-invalid'],
    ['h2c', 'upgrade-refused'],
    ['websocket, h2c', 'upgrade-refused'],
  ] as const) {
    const raw = [...covered.raw, 'upgrade', protocol]
    expect(await wire.deliver({ ...covered, raw }), protocol).toMatchObject({ ran: false, code })
  }
})

it('an upgrade is refused where the proof that covers it is not what the caller is known by', async () => {
  const upgrades = ['websocket']
  const anybody = { name: 'any', authenticate: () => ({ id: 'any-1' }) }
  const ways: Partial<GuardOptions>[] = [
    { accept: [anybody] },
    { accept: [anybody, workloadProof()] },
    { mode: 'observe' },
  ]
  for (const way of ways) {
    const policy = { decide: () => ({ effect: 'allow' }) as const }
    const wire = await createWire({ ...way, upgrades, policy })
    const message = await wire.capture()
    // A signature that nobody has made.
    const input = fieldAt(message, 'signature-input').replace('("@method"', '("upgrade" "@method"')
    const { raw } = withField(message, 'signature-input', input)
    const plain = { ...message, raw, body: new Uint8Array(0) }
    expect(await wire.deliver({ ...plain, raw: [...raw, 'upgrade', 'websocket'] })).toMatchObject({
      ran: false,
      code: 'upgrade-refused',
    })
  }
})

it('names a call by its proof from the first', async () => {
  const wire = await createWire()
  const message = await wire.capture()
  const nonce = /nonce="([^"]+)"/.exec(fieldAt(message, 'signature-input'))?.[1]
  await wire.deliver({ ...message, raw: [...message.raw, 'upgrade', 'h2c'] })
  const [event] = wire.domain.sink.events.filter(({ side }) => side === 'callee')
  expect(event).toMatchObject({ code: 'upgrade-refused', callId: callIdOf(nonce) })
})
