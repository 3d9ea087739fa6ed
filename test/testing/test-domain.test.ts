import { expect, it } from 'vitest'
import { testDomain } from '../../src/testing/test-domain.ts'

it('a test origin that is no origin is refused', async () => {
  const domain = await testDomain('acme.test')
  const ledger = await domain.workload('ledger')
  for (const origin of ['ledger', 'https://ledger.test/', 'https://ledger.test/x']) {
    expect(() => domain.serve(ledger, origin, () => new Response('ok'))).toThrow(
      expect.objectContaining({ code: 'option-invalid' }),
    )
  }
})

it('moves time by hand', async () => {
  const domain = await testDomain('acme.test')
  domain.serve(await domain.workload('ledger'), 'https://ledger.test', () => new Response('ok'))
  const orders = await domain.workload('orders')
  for (let hours = 0; hours < 5; hours++) {
    expect((await orders.fetch('https://ledger.test/')).status).toBe(200)
    domain.clock.advance(3_000)
  }
})
