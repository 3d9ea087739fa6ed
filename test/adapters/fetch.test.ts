import { expect, it } from 'vitest'
import { guard } from '../../src/adapters/fetch.ts'
import { definePolicy } from '../../src/policy/define-policy.ts'
import { testDomain } from '../../src/testing/test-domain.ts'

it('decides again where one guarded Fetch handler stands behind another', async () => {
  const domain = await testDomain('acme.test')
  const ledger = await domain.workload('ledger')
  const only = definePolicy({
    version: 1,
    rules: [{ id: 'billing', effect: 'allow', from: ['spiffe://acme.test/billing'], to: ['* /*'] }],
  })
  domain.serve(
    ledger,
    'https://ledger.test',
    guard(ledger, { policy: only }, () => new Response('ran')),
  )
  const [orders, billing] = [await domain.workload('orders'), await domain.workload('billing')]
  expect((await orders.fetch('https://ledger.test/')).status).toBe(403)
  expect(await (await billing.fetch('https://ledger.test/')).text()).toBe('ran')
})

it('makes its workload with the first request where it is given a function', async () => {
  const domain = await testDomain('acme.test')
  const ledger = await domain.workload('ledger')
  const waited: unknown[] = []
  let made = 0
  const handle = guard(
    async (_env: { secret: string }, _context: object) => {
      made++
      return ledger
    },
    { policy: definePolicy({ version: 1, rules: [{ id: 'a', effect: 'allow', from: ['anonymous'], to: ['* /*'] }] }) },
    (_request, env) => new Response(env.secret),
  )
  const context = { waitUntil: (promise: unknown) => waited.push(promise) }
  for (let i = 0; i < 2; i++) {
    expect(await (await handle(new Request('https://ledger.test/'), { secret: 's' }, context)).text()).toBe('s')
  }
  expect([made, waited.length]).toEqual([1, 2])
})
