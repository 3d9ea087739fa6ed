import { expect, it } from 'vitest'
import { isCountersignError } from '../../src/core/errors.ts'
import { workloadProof } from '../../src/peer/workload-proof.ts'
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
  try {
    // A user in JavaScript has no types to stop this.
    workloadProof('session' as 'signature')
    expect.unreachable()
  } catch (error) {
    expect(isCountersignError(error, 'option-invalid')).toBe(true)
  }
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
