import { expect, it } from 'vitest'
import { Fields } from '../../../src/core/message.ts'
import { admit } from '../../../src/flow/admit.ts'
import { createWire } from '../../refusals/wire.ts'

const init = { method: 'POST', body: 'a body of 20 bytes..' }

it('a body that is larger than the limit is refused', async () => {
  const wire = await createWire({ maxBodyBytes: 19 })
  expect(await wire.deliver(await wire.capture(init))).toMatchObject({
    ran: false,
    code: 'body-too-large',
    status: 413,
  })
  const exact = await createWire({ maxBodyBytes: 20 })
  expect(await exact.deliver(await exact.capture(init))).toMatchObject({ ran: true })
})

it('a proven request whose signature covers no digest may not carry one byte of a body', async () => {
  const wire = await createWire()
  for (const method of ['GET', 'DELETE', 'POST', 'OPTIONS']) {
    const message = await wire.capture({ method })
    const outcome = await wire.deliver({ ...message, body: new Uint8Array([0]) })
    expect(outcome).toMatchObject({ ran: false, code: 'body-unannounced', status: 400 })
  }
})

it('a body that is not the one that was signed is refused', async () => {
  const wire = await createWire()
  const message = await wire.capture(init)
  const body = new TextEncoder().encode('a body of 20 bytes.!')
  expect(await wire.deliver({ ...message, body })).toMatchObject({ ran: false, code: 'digest-mismatch' })
  const [event] = wire.domain.sink.events.filter(({ side }) => side === 'callee')
  expect(event?.expectedDigest).toMatch(/^[A-Za-z0-9+/]{43}=$/)
  expect(event?.receivedDigest).toMatch(/^[A-Za-z0-9+/]{43}=$/)
  expect(event?.receivedDigest).not.toBe(event?.expectedDigest)
})

it('reads no body of who may not call', async () => {
  const wire = await createWire({ policy: { decide: () => ({ effect: 'deny' }) } })
  expect(await wire.deliver(await wire.capture(init))).toMatchObject({
    ran: false,
    code: 'policy-denied',
    status: 403,
    bodyWasRead: false,
  })
})

it('gives no body where an announced one is empty', async () => {
  const wire = await createWire()
  const { method, target, raw } = await wire.capture({ method: 'POST' })
  const request = { method, target, fields: new Fields(raw) }
  const arrival = { request, mountPath: '', announcesBody: true, readBody: () => new Uint8Array(0) }
  const admission = await admit(wire.guard, arrival)
  if (admission.kind !== 'admitted') throw admission.error
  expect(admission.stage.bytes).toBeUndefined()
})

it('hands on the body of a caller who came by another way', async () => {
  const byKey = { name: 'own-key', authenticate: () => ({ id: 'user:1' }) }
  const wire = await createWire({ accept: [byKey], policy: { decide: () => ({ effect: 'allow' }) } })
  const body = new TextEncoder().encode('unsigned')
  const request = { method: 'POST', target: '/', fields: new Fields([]) }
  const arrival = { request, mountPath: '', announcesBody: true, readBody: () => body }
  expect(await admit(wire.guard, arrival)).toMatchObject({ kind: 'admitted', stage: { body } })
})
