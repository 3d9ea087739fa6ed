import { describe, expect, it, vi } from 'vitest'
import { callOf } from '../../src/adapters/call-of.ts'
import { guard } from '../../src/adapters/fetch.ts'
import { utf8 } from '../../src/core/bytes.ts'
import { currentCall } from '../../src/flow/call-context.ts'
import { engineOf } from '../../src/flow/workload.ts'
import { selfIssued } from '../../src/keys/credentials.ts'
import { allowAuthenticated } from '../../src/policy/allow-authenticated.ts'
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

it('makes one workload for requests that come at once, and another only where none could be made', async () => {
  const domain = await testDomain('acme.test')
  const ledger = await domain.workload('ledger')
  const policy = definePolicy({
    version: 1,
    rules: [{ id: 'a', effect: 'allow', from: ['anonymous'], to: ['* /*'] }],
  })
  let made = 0
  const make = async () => {
    made++
    if (made === 1) throw new Error('the secrets are not there yet')
    return ledger
  }
  const handle = guard(make, { policy }, () => new Response('ok'))
  const ask = () => handle(new Request('https://ledger.test/'))
  await expect(ask()).rejects.toThrow('not there yet')
  const answers = await Promise.all([ask(), ask(), ask()])
  expect([answers.map(({ status }) => status), made]).toEqual([[200, 200, 200], 2])
})

it('shows a handler its call, the opened body and its length', async () => {
  const domain = await testDomain('acme.test')
  const seen: unknown[] = []
  domain.serve(await domain.workload('ledger'), 'https://ledger.test', async (request) => {
    seen.push([callOf(request).peer.id, currentCall() === callOf(request), request.headers.get('content-length')])
    return new Response(await request.text())
  })
  const orders = await domain.workload('orders', {
    // What a server does that counts what it receives.
    transport(url, init) {
      const request = new Request(url, init)
      request.headers.set('content-length', String((init.body as Uint8Array).length))
      return domain.deliver(request)
    },
  })
  const ledger = 'spiffe://acme.test/ledger'
  const client = orders.client({ peer: ledger, baseUrl: 'https://ledger.test', seal: 'always' })
  const known = await domain.workload('known')
  await known.fetch('https://ledger.test/', { method: 'GET' })
  seen.length = 0
  engineOf(orders).peers.of(ledger).sealKey = engineOf(known).peers.of(ledger).sealKey
  const answer = await client('/a', { method: 'POST', body: 'four' })
  expect(await answer.text()).toBe('four')
  expect(seen).toEqual([[orders.id, true, '4']])
})

it('answers for a handler whose answer is endless, too long or none', async () => {
  const domain = await testDomain('acme.test')
  let cancelled = 0
  const body = () =>
    new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new Uint8Array(64)),
      cancel: () => {
        cancelled++
      },
    })
  let handler: () => Response = () => new Response(body(), { headers: { 'content-type': 'text/event-stream' } })
  domain.serve(await domain.workload('ledger'), 'https://ledger.test', () => handler(), { maxBodyBytes: 1000 })
  // Who cannot open what is sealed gets nothing that has to be.
  const keys = (await domain.credentials()).keys.filter(({ use }) => use !== 'enc')
  const orders = await domain.workload('orders', { credentials: selfIssued({ keys }), sessions: false })
  const ask = async () => (await orders.fetch('https://ledger.test/')).status
  expect([await ask(), cancelled]).toEqual([501, 1])
  handler = () => new Response('data: whole\n\n', { headers: { 'content-type': 'text/event-stream' } })
  expect(await ask()).toBe(501)
  handler = () => new Response(body())
  expect([await ask(), cancelled]).toEqual([501, 2])
  const told = vi.spyOn(console, 'error').mockImplementation(() => undefined)
  handler = () => {
    throw new Error('a bug')
  }
  expect(await ask()).toBe(500)
  handler = () => undefined as unknown as Response
  expect(await ask()).toBe(500)
  expect(told).toHaveBeenCalledTimes(2)
  told.mockRestore()
})

it('has the runtime wait until the event of a stream, too, was written', async () => {
  const domain = await testDomain('acme.test')
  const ledger = await domain.workload('ledger')
  const waited: Promise<unknown>[] = []
  const context = { waitUntil: (promise: Promise<unknown>) => waited.push(promise) }
  const long = () => new Response('x'.repeat(100))
  const handle = guard(ledger, { policy: allowAuthenticated(), maxBodyBytes: 10 }, (_request, _context: object) =>
    long(),
  )
  const transport = (url: string, init: RequestInit) => handle(new Request(url, init), context)
  const peers = { 'https://ledger.test': ledger.id }
  const orders = await domain.workload('orders', { transport, peers, sessions: false })
  const answer = await orders.fetch('https://ledger.test/')
  let isOver = false
  expect(waited).toHaveLength(1)
  void waited[0]?.then(() => {
    isOver = true
  })
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(isOver).toBe(false)
  await answer.text()
  await waited[0]
  expect(domain.sink.events.filter(({ type, side }) => type === 'call' && side === 'callee')).toMatchObject([
    { effect: 'allow', status: 200, sealed: true },
  ])
})

it('has the runtime wait for the event of a call whose caller went away, too', async () => {
  const domain = await testDomain('acme.test')
  const ledger = await domain.workload('ledger')
  const waited: Promise<unknown>[] = []
  const context = { waitUntil: (promise: Promise<unknown>) => waited.push(promise) }
  const handle = guard(ledger, { policy: allowAuthenticated() }, (_request, _context: object) => new Response('ran'))
  const gone = new DOMException('The caller went away.', 'AbortError')
  const transport = (url: string, init: RequestInit) => {
    const body = new ReadableStream({ start: (controller) => controller.error(gone) })
    return handle(new Request(url, { ...init, body, duplex: 'half' } as RequestInit), context)
  }
  const peers = { 'https://ledger.test': ledger.id }
  const orders = await domain.workload('orders', { transport, peers, sessions: false })
  const call = orders.fetch('https://ledger.test/', { method: 'POST', body: 'four' })
  await expect(call).rejects.toMatchObject({ code: 'transport-failed' })
  await Promise.all(waited)
  expect(waited).toHaveLength(1)
  expect(domain.sink.events.find(({ side }) => side === 'callee')).toMatchObject({ code: 'transport-failed' })
})

it('says why an answer did not leave as a stream', async () => {
  const domain = await testDomain('acme.test')
  const long = () => new Response('x'.repeat(100), { headers: { 'content-encoding': 'br' } })
  domain.serve(await domain.workload('ledger'), 'https://ledger.test', long, { maxBodyBytes: 10 })
  const orders = await domain.workload('orders', { sessions: false })
  expect((await orders.fetch('https://ledger.test/')).status).toBe(501)
  await orders.audit.flush()
  const callee = domain.sink.events.filter(({ side }) => side === 'callee').at(-1)
  expect(callee).toMatchObject({ code: 'answer-unsignable', step: 'content-encoding' })
})

describe('an answer whose caller goes away, which the runtime tells by the signal alone', () => {
  async function leaving(headers: Record<string, string>, handlerMs = 0) {
    const domain = await testDomain('acme.test')
    const ledger = await domain.workload('ledger')
    const left: unknown[] = []
    const waited: Promise<unknown>[] = []
    const context = { waitUntil: (promise: Promise<unknown>) => waited.push(promise) }
    const slow = async () => {
      await new Promise((resolve) => setTimeout(resolve, handlerMs))
      const start = (controller: ReadableStreamDefaultController) => controller.enqueue(utf8('data: 1\n\n'))
      const cancel = (reason: unknown) => void left.push(reason)
      return new Response(new ReadableStream({ start, cancel }), { headers })
    }
    const handle = guard(ledger, { policy: allowAuthenticated() }, (_request, _context: object) => slow())
    const gone = new AbortController()
    const told = vi.spyOn(console, 'error')
    const transport = (url: string, init: RequestInit) =>
      handle(new Request(url, { ...init, signal: gone.signal }), context)
    const peers = { 'https://ledger.test': ledger.id }
    const orders = await domain.workload('orders', { transport, peers, sessions: false })
    const answer = orders.fetch('https://ledger.test/').then((response) => response.text())
    const reason = new Error('the caller went away')
    setTimeout(() => gone.abort(reason), 50)
    await expect(answer).rejects.toBeInstanceOf(Error)
    await Promise.all(waited)
    expect([left, told.mock.calls]).toEqual([[reason], []])
    told.mockRestore()
    return domain.sink.events.filter(({ side }) => side === 'callee')
  }

  it('is gathered no longer', async () => {
    const events = await leaving({ 'content-type': 'text/plain' })
    expect(events).toMatchObject([{ effect: 'allow', code: 'transport-failed', step: 'answer' }])
    expect(events[0]?.status).toBeUndefined()
  })

  it('is not gathered where it comes too late', async () => {
    const events = await leaving({ 'content-type': 'text/plain' }, 100)
    expect(events).toMatchObject([{ effect: 'allow', code: 'transport-failed', step: 'answer' }])
  })

  it('streams no longer', async () => {
    const events = await leaving({ 'content-type': 'text/event-stream' })
    expect(events).toMatchObject([{ effect: 'allow', code: 'transport-failed', step: 'answer', status: 200 }])
  })
})
