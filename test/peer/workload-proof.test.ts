import { expect, it } from 'vitest'
import { Fields } from '../../src/core/message.ts'
import type { Authenticator } from '../../src/peer/authenticator.ts'
import { acceptsSessions, isWorkloadProof, readTokenProof, workloadProof } from '../../src/peer/workload-proof.ts'
import { refusal } from '../core/refusal.ts'
import { createWire, withField, withoutField } from '../refusals/wire.ts'

it('a signed request without a workload identity token is refused', async () => {
  const wire = await createWire()
  const message = await wire.capture()
  expect(await wire.deliver(withoutField(message, 'workload-identity-token'))).toMatchObject({
    ran: false,
    code: 'token-missing',
  })
})

it('refuses proofs this version does not have, by name', () => {
  for (const proof of ['bearer', 'Signature', '', 'none']) {
    // A user in JavaScript has no types to stop this.
    const refusal = expect.objectContaining({ code: 'option-invalid' })
    expect(() => workloadProof(proof as 'signature'), proof).toThrow(refusal)
    expect(() => workloadProof('signature', proof as 'signature'), proof).toThrow(refusal)
  }
})

it('a guard that would accept sessions and not the signatures that open them is refused', () => {
  for (const proofs of [['session'], ['session', 'session']] as const) {
    expect(() => workloadProof(...proofs)).toThrow(expect.objectContaining({ code: 'option-invalid' }))
  }
  expect(() => workloadProof('session')).toThrow('sessions are opened by signatures')
})

it('takes sessions with signatures, and all there is where nothing is listed', () => {
  for (const [proofs, takes] of [
    [[], true],
    [['signature', 'session'], true],
    [['session', 'signature'], true],
    [['signature'], false],
    [['proof-token'], false],
  ] as const) {
    const authenticator = workloadProof(...proofs)
    expect([isWorkloadProof(authenticator), acceptsSessions(authenticator)], proofs.join()).toEqual([true, takes])
    expect(Object.isFrozen(authenticator)).toBe(true)
  }
  const own: Authenticator = { name: 'session', authenticate: () => undefined }
  expect([isWorkloadProof(own), acceptsSessions(own)]).toEqual([false, false])
})

it('tells the trail whose key vouched for a token, and how far the clocks are apart', async () => {
  const wire = await createWire()
  const message = await wire.capture({ headers: { 'x-a': '1' } })
  await wire.deliver(withField(message, 'x-a', '2'))
  expect(wire.domain.sink.events.at(-1)).toMatchObject({
    code: 'proof-invalid',
    keyId: expect.any(String),
    step: 'signature',
  })
  wire.domain.clock.advance(500)
  await wire.deliver(message)
  expect(wire.domain.sink.events.at(-1)).toMatchObject({
    code: 'proof-expired',
    keyId: expect.any(String),
    clockDifferenceSeconds: 500,
  })
})

it('refuses a field that must be covered and was added on the way', async () => {
  const wire = await createWire()
  for (const [name, value] of [
    ['authorization', 'Bearer evil'],
    ['txn-token', 'evil'],
    ['content-type', 'text/evil'],
    ['content-encoding', 'gzip'],
    ['content-digest', 'sha-256=:AAAA:'],
    ['idempotency-key', '1'],
  ] as const) {
    const message = await wire.capture()
    const outcome = await wire.deliver({ ...message, raw: [...message.raw, name, value] })
    expect(outcome, name).toMatchObject({ ran: false, code: 'field-not-covered', status: 400, events: 1 })
  }
})

it('a request with two proof tokens is refused', () => {
  const fields = new Fields(['Workload-Proof-Token', 'a', 'workload-proof-token', 'a'])
  expect(refusal(() => readTokenProof(fields)).code).toBe('proof-ambiguous')
  expect(readTokenProof(new Fields([]))).toBeUndefined()
})
