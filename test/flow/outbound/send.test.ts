import { describe, expect, it } from 'vitest'
import type { Transport } from '../../../src/flow/engine.ts'
import { testDomain } from '../../../src/testing/test-domain.ts'

const LEDGER = 'https://ledger.test'

async function caller(wrap: (deliver: Transport) => Transport) {
  const domain = await testDomain('acme.test')
  domain.serve(await domain.workload('ledger'), LEDGER, () => new Response('ok'))
  return domain.workload('orders', {
    sessions: false,
    transport: wrap((url, init) => domain.deliver(new Request(url, init))),
  })
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

describe('a transport with an exchange of its own', () => {
  type Exchange = NonNullable<Transport['exchange']>
  const withExchange = (make: (deliver: Transport) => Exchange) => {
    const never: Transport = () => Promise.reject(new TypeError('asked as fetch'))
    return caller((deliver) => Object.assign(never.bind(undefined), { exchange: make(deliver) }))
  }

  it('is asked through that alone, and its answer is verified like any other', async () => {
    const asked: unknown[] = []
    const orders = await withExchange((deliver) => async ({ fields, signal, isStream, ...request }) => {
      expect(isStream?.(fields)).toBe(false)
      asked.push({ ...request, isSigned: fields.includes('signature'), aborted: signal?.aborted })
      const { origin, target, method } = request
      const headers: [string, string][] = []
      for (let i = 0; i + 1 < fields.length; i += 2) headers.push([`${fields[i]}`, `${fields[i + 1]}`])
      const response = await deliver(origin + target, { method, headers })
      const body = new Uint8Array(await response.arrayBuffer())
      return { status: response.status, fields: [...response.headers].flat(), body }
    })
    expect(await (await orders.fetch(`${LEDGER}/%7ea?b#c`)).text()).toBe('ok')
    const plain = { origin: LEDGER, target: '/~a?b', method: 'GET', body: undefined, maxBytes: 16_777_216 }
    expect(asked).toEqual([{ ...plain, isSigned: true, aborted: undefined }])
    await orders.fetch(`${LEDGER}/a`, { countersign: { maxAnswerBytes: 2 } })
    expect(asked[1]).toMatchObject({ maxBytes: 2 })
  })

  it.each([
    [{ status: 200, fields: [], body: 'too-large' as const }, 'answer-too-large'],
    [{ status: 200, fields: [], body: new Uint8Array(4) }, 'answer-too-large'],
    [{ status: 101, fields: [], body: new Uint8Array(0) }, 'answer-malformed'],
    [{ status: 600, fields: [], body: 'too-large' as const }, 'answer-malformed'],
    [{ status: 200, fields: [], body: new Uint8Array(3) }, 'answer-unsigned'],
  ])('is believed as little as fetch: %o', async (answer, code) => {
    const orders = await withExchange(() => async () => answer)
    const call = orders.fetch(`${LEDGER}/a`, { countersign: { maxAnswerBytes: 3 } })
    await expect(call).rejects.toMatchObject({ code })
  })

  it('fails with its cause, or with the reason of the abort', async () => {
    const cause = new Error('cut')
    const orders = await withExchange(() => () => Promise.reject(cause))
    await expect(orders.fetch(`${LEDGER}/a`)).rejects.toMatchObject({ code: 'transport-failed', cause })
    const controller = new AbortController()
    const reason = new Error('the user left')
    const torn = await withExchange(() => async () => {
      controller.abort(reason)
      throw cause
    })
    await expect(torn.fetch(`${LEDGER}/a`, { signal: controller.signal })).rejects.toBe(reason)
  })
})
