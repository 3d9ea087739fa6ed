import { expect, it } from 'vitest'
import { engineOf } from '../../src/flow/workload.ts'
import { createFakeClock } from '../../src/testing/fake-clock.ts'
import { testDomain } from '../../src/testing/test-domain.ts'

it('a redirect is followed only within the same peer, and for GET and HEAD', async () => {
  const domain = await testDomain('acme.test')
  let location = '/there'
  const handler = (request: Request) =>
    new URL(request.url).pathname === '/there'
      ? new Response('arrived')
      : new Response(null, { status: 307, headers: { location } })
  domain.serve(await domain.workload('ledger'), 'https://ledger.test', handler)
  domain.serve(await domain.workload('other'), 'https://other.test', handler)
  const orders = await domain.workload('orders')
  const follow = { redirect: 'follow' as const }
  expect((await orders.fetch('https://ledger.test/here')).status).toBe(307)
  expect(await (await orders.fetch('https://ledger.test/here', follow)).text()).toBe('arrived')
  await expect(
    orders.fetch('https://ledger.test/here', { ...follow, method: 'POST', body: 'x' }),
  ).rejects.toMatchObject({ code: 'redirect-refused' })
  await expect(orders.fetch('https://ledger.test/here', { redirect: 'error' })).rejects.toMatchObject({
    code: 'redirect-refused',
  })
  for (const elsewhere of ['https://other.test/there', 'https://unknown.test/', '/here', 'http://[']) {
    location = elsewhere
    await expect(orders.fetch('https://ledger.test/here', follow), elsewhere).rejects.toMatchObject({
      code: 'redirect-refused',
    })
  }
})

it('a safe call that was refused for our clock repeats itself once, by the peer’s clock; another does not', async () => {
  const domain = await testDomain('acme.test')
  const ledger = await domain.workload('ledger')
  let ran = 0
  domain.serve(ledger, 'https://ledger.test', () => {
    ran++
    return new Response('ok')
  })
  const clock = createFakeClock(domain.clock.now() - 200_000)
  const late = await domain.workload('late', { clock, sessions: false })
  const post = { method: 'POST', body: 'x', countersign: { seal: 'never' as const } }
  expect((await late.fetch('https://ledger.test/a', post)).status).toBe(400)
  expect(engineOf(late).peers.of(ledger.id).clockOffsetSeconds).toBe(200)
  expect((await late.fetch('https://ledger.test/a', post)).status).toBe(200)
  const later = await domain.workload('later', { clock, sessions: false })
  expect((await later.fetch('https://ledger.test/a')).status).toBe(200)
  expect(ran).toBe(2)
})

it('an abort rejects with its reason, a timeout with a code, a transport failure with its cause', async () => {
  const domain = await testDomain('acme.test')
  const ledger = await domain.workload('ledger')
  const hang: typeof fetch = (_url, init) =>
    new Promise((_resolve, reject) => init?.signal?.addEventListener('abort', () => reject(new Error('aborted'))))
  const peers = { 'https://ledger.test': ledger.id }
  const orders = await domain.workload('orders', { peers, transport: hang, sessions: false })
  const reason = new Error('the user left')
  const controller = new AbortController()
  const pending = orders.fetch('https://ledger.test/a', { signal: controller.signal })
  controller.abort(reason)
  await expect(pending).rejects.toBe(reason)
  await expect(orders.fetch('https://ledger.test/a', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  await expect(orders.fetch('https://ledger.test/a', { countersign: { timeoutMs: 1 } })).rejects.toMatchObject({
    code: 'timed-out',
    outcome: 'unknown',
    retryable: true,
  })
  // Nothing but the handshake was sent: the call has certainly not run.
  const opening = await domain.workload('opening', { peers, transport: hang })
  await expect(opening.fetch('https://ledger.test/a', { countersign: { timeoutMs: 1 } })).rejects.toMatchObject({
    code: 'timed-out',
    outcome: 'not-run',
    retryable: true,
  })
  const cause = new TypeError('fetch failed')
  const broken = await domain.workload('broken', {
    peers,
    transport: () => Promise.reject(cause),
  })
  await expect(broken.fetch('https://ledger.test/a')).rejects.toMatchObject({ code: 'transport-failed', cause })
})

it('a workload that was closed makes and takes no calls', async () => {
  const domain = await testDomain('acme.test')
  const ledger = await domain.workload('ledger')
  domain.serve(ledger, 'https://ledger.test', () => new Response('ok'))
  const orders = await domain.workload('orders')
  await ledger.close()
  await ledger.close()
  expect((await orders.fetch('https://ledger.test/a')).status).toBe(503)
  await orders.close()
  await expect(orders.fetch('https://ledger.test/a')).rejects.toMatchObject({ code: 'workload-closed' })
})

it('a location alone is no redirect', async () => {
  const domain = await testDomain('acme.test')
  const made = () => new Response('made', { status: 201, headers: { location: '/there' } })
  domain.serve(await domain.workload('ledger'), 'https://ledger.test', made)
  const orders = await domain.workload('orders')
  for (const redirect of ['follow', 'error'] as const) {
    expect((await orders.fetch('https://ledger.test/here', { redirect })).status).toBe(201)
  }
})

it('follows five redirects', async () => {
  const domain = await testDomain('acme.test')
  const handler = (request: Request) => {
    const left = Number(new URL(request.url).pathname.slice(1))
    return left === 0
      ? new Response('arrived')
      : new Response(null, { status: 302, headers: { location: `/${left - 1}` } })
  }
  domain.serve(await domain.workload('ledger'), 'https://ledger.test', handler)
  const orders = await domain.workload('orders')
  const follow = { redirect: 'follow' as const }
  expect((await orders.fetch('https://ledger.test/5', follow)).status).toBe(200)
  await expect(orders.fetch('https://ledger.test/6', follow)).rejects.toMatchObject({ code: 'redirect-refused' })
})

it('a refusal for another reason than the clock is not repeated', async () => {
  const domain = await testDomain('acme.test')
  const ledger = await domain.workload('ledger')
  domain.serve(ledger, 'https://ledger.test', () => new Response('no', { status: 400 }))
  let sent = 0
  const transport: typeof fetch = (url, init) => {
    sent++
    return domain.deliver(new Request(url, init))
  }
  const orders = await domain.workload('orders', { transport, sessions: false })
  expect((await orders.fetch('https://ledger.test/a')).status).toBe(400)
  expect(sent).toBe(1)
  // Its clock is far off, too: but what it answers is not that our proof was refused.
  const clock = createFakeClock(domain.clock.now() - 25_000)
  const other = await domain.workload('other', { clock, transport, sessions: false })
  const problem = { status: 400, headers: { 'content-type': 'application/problem+json' } }
  for (const answer of [new Response('{"type":"about:blank"}', problem), new Response('no', { status: 400 })]) {
    sent = 0
    domain.serve(ledger, 'https://ledger.test', () => answer)
    engineOf(other).peers.of(ledger.id).clockOffsetSeconds = -60
    await other.fetch('https://ledger.test/a').catch(() => undefined)
    expect(sent).toBe(1)
  }
})

it('a client follows within the origin it was given, though no directory knows it, and to others of its peer', async () => {
  const domain = await testDomain('acme.test')
  const ledger = await domain.workload('ledger')
  let location = '/there'
  const handler = (request: Request) =>
    request.url.endsWith('/there')
      ? new Response('arrived')
      : new Response(null, { status: 302, headers: { location } })
  for (const origin of ['https://a.test', 'https://b.test', 'https://c.test']) domain.serve(ledger, origin, handler)
  const orders = await domain.workload('orders', { peers: { 'https://b.test': ledger.id } })
  const client = orders.client({ peer: ledger.id, baseUrl: 'https://a.test' })
  const follow = async () => (await client('/here', { redirect: 'follow' })).url
  expect(await follow()).toBe('https://a.test/there')
  location = 'https://b.test/there'
  expect(await follow()).toBe('https://b.test/there')
  location = 'https://c.test/there'
  await expect(follow()).rejects.toMatchObject({ code: 'redirect-refused' })
})
