import { expect, it } from 'vitest'
import type { Authenticator } from '../../../src/peer/authenticator.ts'
import { workloadProof } from '../../../src/peer/workload-proof.ts'
import { definePolicy } from '../../../src/policy/define-policy.ts'
import { createWire, withField, withoutField } from '../../refusals/wire.ts'

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
  for (const id of ['spiffe://acme.test/orders', 'wimse://acme.test/orders', 'SPIFFE:x', 'anonymous']) {
    const liar: Authenticator = { name: 'liar', authenticate: () => ({ id }) }
    const wire = await createWire({ policy: anybody, accept: [liar] })
    const message = await wire.capture()
    expect(await wire.deliver(message), id).toMatchObject({ ran: false, code: 'proof-invalid' })
  }
  const honest: Authenticator = { name: 'honest', authenticate: () => ({ id: 'user:1', scopes: ['a'] }) }
  const wire = await createWire({ policy: anybody, accept: [honest] })
  expect(await wire.deliver(withField(await wire.capture(), 'accept', 'x'))).toMatchObject({ ran: true })
})
