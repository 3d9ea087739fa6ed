import { expect, it } from 'vitest'
import type { Transport } from '../../../src/flow/engine.ts'
import { testDomain } from '../../../src/testing/test-domain.ts'

const LEDGER = 'https://ledger.test'

async function caller(wrap: (deliver: Transport) => Transport) {
  const domain = await testDomain('acme.test')
  domain.serve(await domain.workload('ledger'), LEDGER, () => new Response('ok'))
  return domain.workload('orders', { transport: wrap((url, init) => domain.deliver(new Request(url, init))) })
}

it('sends to the target that was signed, follows nothing itself, and leaves out the fragment', async () => {
  const sent: [string, RequestInit['redirect']][] = []
  const orders = await caller((deliver) => (url, init) => {
    sent.push([url, init.redirect])
    return deliver(url, init)
  })
  await orders.fetch(`${LEDGER}/%7ea?b#c`)
  expect(sent).toEqual([[`${LEDGER}/~a?b`, 'manual']])
})

it('an abort while the answer is read rejects with its reason, a timeout with a code', async () => {
  const endless: Transport = async (_url, init) => {
    const body = new ReadableStream({
      start(controller) {
        init.signal?.addEventListener('abort', () => controller.error(new Error('torn')))
      },
    })
    return new Response(body)
  }
  const orders = await caller(() => endless)
  const controller = new AbortController()
  const reason = new Error('the user left')
  const asked = orders.fetch(`${LEDGER}/a`, { signal: controller.signal })
  setTimeout(() => controller.abort(reason), 5)
  await expect(asked).rejects.toBe(reason)
  await expect(orders.fetch(`${LEDGER}/a`, { countersign: { timeoutMs: 5 } })).rejects.toMatchObject({
    code: 'timed-out',
    outcome: 'unknown',
  })
})

it('leaves no listener behind on the signal of its caller', async () => {
  const orders = await caller((deliver) => deliver)
  const { signal } = new AbortController()
  let listeners = 0
  const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)]
  signal.addEventListener = (...given: Parameters<typeof add>) => {
    listeners++
    add(...given)
  }
  signal.removeEventListener = (...given: Parameters<typeof remove>) => {
    listeners--
    remove(...given)
  }
  expect((await orders.fetch(`${LEDGER}/a`, { signal })).status).toBe(200)
  expect(listeners).toBe(0)
})

it('passes on what its transport says in codes', async () => {
  const { CountersignError } = await import('../../../src/core/errors.ts')
  const orders = await caller(() => () => Promise.reject(new CountersignError('no-disk')))
  await expect(orders.fetch(`${LEDGER}/a`)).rejects.toMatchObject({ code: 'no-disk' })
})
