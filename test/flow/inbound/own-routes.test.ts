import { expect, it } from 'vitest'
import { definePolicy } from '../../../src/policy/define-policy.ts'
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
