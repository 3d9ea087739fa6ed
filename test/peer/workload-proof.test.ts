import { expect, it } from 'vitest'
import { isCountersignError } from '../../src/core/errors.ts'
import { workloadProof } from '../../src/peer/workload-proof.ts'
import { createWire, withoutField } from '../refusals/wire.ts'

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
