import { describe, expect, it } from 'vitest'
import { inspect } from '../../../src/envelope.ts'
import { isLoopback } from '../../../src/flow/outbound/seal.ts'
import { engineOf } from '../../../src/flow/workload.ts'
import { selfIssued } from '../../../src/keys/credentials.ts'
import { publicJwk } from '../../../src/keys/jwk.ts'
import { definePolicy } from '../../../src/policy/define-policy.ts'
import { type TestDomain, testDomain } from '../../../src/testing/test-domain.ts'
import { trustBundle } from '../../../src/trust/source.ts'
import { answerOf } from '../../../src/workload/secure-fetch.ts'

const sealedOnly = definePolicy({
  version: 1,
  rules: [{ id: 'sealed', effect: 'allow', from: ['spiffe://acme.test/*'], to: ['* /*'], when: { sealed: true } }],
})
const post = { method: 'POST', body: '{"card":"4929"}' }

/** A caller by signature, whose every request lies open on the wire. */
async function tapped(domain: TestDomain, overrides: Parameters<TestDomain['workload']>[1] = {}) {
  const bodies: string[] = []
  const paths: string[] = []
  const orders = await domain.workload('orders', {
    sessions: false,
    transport: async (url, init) => {
      paths.push(new URL(url).pathname)
      const request = new Request(url, init)
      bodies.push(Buffer.from(await request.clone().arrayBuffer()).toString('latin1'))
      return domain.deliver(request)
    },
    ...overrides,
  })
  return { orders, bodies, paths }
}

describe('auto', () => {
  it('over plain http off loopback a call is sealed or not made', async () => {
    const domain = await testDomain('acme.test')
    domain.serve(await domain.workload('ledger'), 'http://ledger.test', () => new Response('ok'))
    const { orders, bodies } = await tapped(domain)
    expect(answerOf(await orders.fetch('http://ledger.test/a', post)).sealed).toBe(true)
    expect(bodies.join()).not.toContain('4929')
    const { keys } = await domain.credentials()
    const closed = await domain.workload('closed', {
      credentials: selfIssued({ keys: keys.filter(({ use }) => use !== 'enc') }),
    })
    domain.serve(closed, 'http://closed.test', () => new Response('ok'))
    await expect(orders.fetch('http://closed.test/a', post)).rejects.toMatchObject({ code: 'peer-cannot-open' })
    expect(bodies.join()).not.toContain('4929')
  })

  it('leaves bodies plain over https where nobody asks, after one discovery', async () => {
    const domain = await testDomain('acme.test')
    domain.serve(await domain.workload('ledger'), 'https://ledger.test', () => new Response('ok'))
    const { orders, paths } = await tapped(domain)
    for (let i = 0; i < 3; i++) expect(answerOf(await orders.fetch('https://ledger.test/a', post)).sealed).toBe(false)
    expect(paths).toEqual(['/.well-known/countersign', '/a', '/a', '/a'])
  })

  it('seals from the first body where discovery says that a route asks for it', async () => {
    const domain = await testDomain('acme.test')
    domain.serve(await domain.workload('ledger'), 'https://ledger.test', () => new Response('ok'), {
      policy: sealedOnly,
    })
    const { orders, bodies } = await tapped(domain)
    expect((await orders.fetch('https://ledger.test/a', post)).status).toBe(200)
    expect(bodies.join()).not.toContain('4929')
  })

  it('a discovery that fails never leads to a weaker proof', async () => {
    const domain = await testDomain('acme.test')
    domain.serve(await domain.workload('ledger'), 'http://ledger.test', () => new Response('ok'))
    let tries = 0
    const { orders } = await tapped(domain, {
      transport: async (url) => {
        tries++
        if (url.includes('well-known')) return new Response('gone', { status: 404 })
        throw new Error('a body was sent')
      },
    })
    await expect(orders.fetch('http://ledger.test/a', post)).rejects.toMatchObject({ code: 'peer-cannot-open' })
    expect(tries).toBe(1)
  })
})

it('a peer that asked for sealing gets no plain body, even where a call says never', async () => {
  const domain = await testDomain('acme.test')
  domain.serve(await domain.workload('ledger'), 'https://ledger.test', () => new Response('ok'), { policy: sealedOnly })
  const { orders, bodies } = await tapped(domain)
  const never = { ...post, countersign: { seal: 'never' as const } }
  expect((await orders.fetch('https://ledger.test/a', never)).status).toBe(415)
  expect(bodies).toHaveLength(1)
  await expect(orders.fetch('https://ledger.test/a', never)).rejects.toMatchObject({ code: 'encryption-required' })
  expect(bodies).toHaveLength(1)
  expect((await orders.fetch('https://ledger.test/a', post)).status).toBe(200)
  expect(bodies.slice(1).join()).not.toContain('4929')
})

it('a key pinned in the trust bundle demands sealing and is the one sealed to', async () => {
  const domain = await testDomain('acme.test')
  const { keys } = await domain.credentials()
  const [anchor, sealing] = keys
  if (anchor === undefined || sealing === undefined) throw new Error('no keys')
  const trust = trustBundle({
    trust_domains: { 'acme.test': { keys: [publicJwk(anchor)] } },
    workloads: { 'spiffe://acme.test/ledger': { seal: [publicJwk(sealing)] } },
  })
  domain.serve(
    await domain.workload('ledger', { trust, credentials: selfIssued({ keys }) }),
    'https://ledger.test',
    () => new Response('ok'),
  )
  const { orders, bodies, paths } = await tapped(domain, { trust })
  expect(answerOf(await orders.fetch('https://ledger.test/a', post)).sealed).toBe(true)
  expect(paths).toEqual(['/a'])
  expect(bodies.join()).not.toContain('4929')
})

it('a call that has to be sealed to a peer without a seal key is refused', async () => {
  const domain = await testDomain('acme.test')
  const { keys } = await domain.credentials()
  const ledger = await domain.workload('ledger', {
    credentials: selfIssued({ keys: keys.filter(({ use }) => use !== 'enc') }),
  })
  domain.serve(ledger, 'https://ledger.test', () => new Response('ok'))
  const { orders } = await tapped(domain)
  const always = { ...post, countersign: { seal: 'always' as const } }
  await expect(orders.fetch('https://ledger.test/a', always)).rejects.toMatchObject({ code: 'peer-cannot-open' })
})

it('a sealed call by a workload that has no key to open the answer with is refused', async () => {
  const domain = await testDomain('acme.test')
  domain.serve(await domain.workload('ledger'), 'https://ledger.test', () => new Response('ok'))
  const { keys } = await domain.credentials()
  const mute = await domain.workload('mute', {
    sessions: false,
    credentials: selfIssued({ keys: keys.filter(({ use }) => use !== 'enc') }),
  })
  const always = { ...post, countersign: { seal: 'always' as const } }
  await expect(mute.fetch('https://ledger.test/a', always)).rejects.toThrow('"use": "enc"')
})

it('knows what stays on the machine', () => {
  for (const host of ['localhost', 'a.localhost', '127.0.0.1', '127.8.8.8', '[::1]'])
    expect(isLoopback(host), host).toBe(true)
  for (const host of ['localhost.example', '128.0.0.1', '127.0.0.1.example', '[::2]', '0.0.0.0', 'xlocalhost']) {
    expect(isLoopback(host), host).toBe(false)
  }
})

it('remembers what a verified answer taught', async () => {
  const domain = await testDomain('acme.test')
  const ledger = await domain.workload('ledger')
  domain.serve(ledger, 'https://ledger.test', () => new Response('ok'))
  const { orders } = await tapped(domain)
  await orders.fetch('https://ledger.test/a')
  expect(engineOf(orders).peers.of(ledger.id).sealKey?.jwk.use).toBe('enc')
})

it('calls at once wait for one discovery, and none goes out plain before it has answered', async () => {
  const domain = await testDomain('acme.test')
  domain.serve(await domain.workload('ledger'), 'https://ledger.test', () => new Response('ok'), { policy: sealedOnly })
  const { orders, bodies, paths } = await tapped(domain)
  const answers = await Promise.all(Array.from({ length: 64 }, () => orders.fetch('https://ledger.test/a', post)))
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
  expect(paths.filter((path) => path.includes('well-known'))).toHaveLength(1)
  expect(bodies.join()).not.toContain('4929')
})

it('seals to the pinned key before a learned one, and to no learned key whose time is over', async () => {
  const domain = await testDomain('acme.test')
  const ledger = await domain.workload('ledger')
  domain.serve(ledger, 'https://ledger.test', () => new Response('ok'))
  const { orders, paths } = await tapped(domain)
  const always = { ...post, countersign: { seal: 'always' as const } }
  expect((await orders.fetch('https://ledger.test/a', always)).status).toBe(200)
  expect(paths).toEqual(['/.well-known/countersign', '/a'])
  const known = engineOf(orders).peers.of(ledger.id)
  known.sealKey = known.sealKey && { ...known.sealKey, expiresAt: domain.clock.now() }
  known.discoverAfterMs = Number.NEGATIVE_INFINITY
  expect((await orders.fetch('https://ledger.test/a', always)).status).toBe(200)
  expect(paths).toEqual(['/.well-known/countersign', '/a', '/.well-known/countersign', '/a'])
  const [anchor, sealing] = (await domain.credentials()).keys
  const stranger = (await domain.credentials()).keys[1]
  if (anchor === undefined || sealing === undefined || stranger === undefined) throw new Error('no keys')
  const trust = trustBundle({
    trust_domains: { 'acme.test': { keys: [publicJwk(anchor)] } },
    workloads: { 'spiffe://acme.test/pinned': { seal: [publicJwk(sealing)] } },
  })
  const credentials = selfIssued({ keys: [anchor, sealing] })
  domain.serve(await domain.workload('pinned', { trust, credentials }), 'https://pinned.test', () => new Response('ok'))
  const careful = (await tapped(domain, { trust })).orders
  engineOf(careful).peers.of('spiffe://acme.test/pinned').sealKey = {
    jwk: publicJwk(stranger),
    expiresAt: Number.POSITIVE_INFINITY,
  }
  expect((await careful.fetch('https://pinned.test/a', post)).status).toBe(200)
})

it('leaves bodies plain that do not leave the machine, where nobody asks', async () => {
  const domain = await testDomain('acme.test')
  domain.serve(await domain.workload('ledger'), 'http://localhost:8080', () => new Response('ok'))
  const { orders, paths } = await tapped(domain)
  expect(answerOf(await orders.fetch('http://localhost:8080/a', post)).sealed).toBe(false)
  expect(answerOf(await orders.fetch('http://localhost:8080/a')).sealed).toBe(false)
  expect(paths).toEqual(['/.well-known/countersign', '/a', '/a'])
})

describe('under a session', () => {
  const HANDSHAKE = '/.well-known/countersign/session'
  const ID = /^[A-Za-z0-9_-]{22}$/
  const bySession = (domain: TestDomain, overrides: Parameters<TestDomain['workload']>[1] = {}) =>
    tapped(domain, { sessions: {}, ...overrides })

  /** By what kind of recipient, and for whom, the last body was sealed. */
  const sealedTo = (bodies: readonly string[]) => inspect(Buffer.from(bodies.at(-1) ?? '', 'latin1')).kids

  async function withoutSealKey(domain: TestDomain) {
    const { keys } = await domain.credentials()
    return { credentials: selfIssued({ keys: keys.filter(({ use }) => use !== 'enc') }) }
  }

  it('bodies are left plain over https where nobody asks, after one handshake and no discovery', async () => {
    const domain = await testDomain('acme.test')
    domain.serve(await domain.workload('ledger'), 'https://ledger.test', () => new Response('ok'))
    const { orders, paths } = await bySession(domain)
    for (let i = 0; i < 3; i++) expect(answerOf(await orders.fetch('https://ledger.test/a', post)).sealed).toBe(false)
    expect(paths).toEqual([HANDSHAKE, '/a', '/a', '/a'])
  })

  it('bodies are sealed by its key over plain http, and to a peer that has no seal key', async () => {
    const domain = await testDomain('acme.test')
    const ledger = await domain.workload('ledger', await withoutSealKey(domain))
    domain.serve(ledger, 'http://ledger.test', async (request) => new Response(`got ${(await request.text()).length}`))
    const { orders, bodies } = await bySession(domain)
    const answer = await orders.fetch('http://ledger.test/a', post)
    expect([answerOf(answer).sealed, await answer.text()]).toEqual([true, 'got 15'])
    expect(bodies.join()).not.toContain('4929')
    expect(sealedTo(bodies)).toEqual([{ type: 3, kid: expect.stringMatching(ID) }])
  })

  it('a workload that has no seal key of its own opens what is sealed to it', async () => {
    const domain = await testDomain('acme.test')
    domain.serve(await domain.workload('ledger'), 'https://ledger.test', () => new Response('sealed'))
    const { orders } = await bySession(domain, await withoutSealKey(domain))
    const always = { countersign: { seal: 'always' as const } }
    for (const init of [always, { ...post, ...always }]) {
      const answer = await orders.fetch('https://ledger.test/a', init)
      expect([answerOf(answer).sealed, await answer.text()]).toEqual([true, 'sealed'])
    }
  })

  it('the first body is sealed where the handshake says that a route asks for it, and none is sent plain', async () => {
    const domain = await testDomain('acme.test')
    domain.serve(await domain.workload('ledger'), 'https://ledger.test', () => new Response('ok'), {
      policy: sealedOnly,
    })
    const { orders, bodies, paths } = await bySession(domain)
    const never = { ...post, countersign: { seal: 'never' as const } }
    await expect(orders.fetch('https://ledger.test/a', never)).rejects.toMatchObject({ code: 'encryption-required' })
    expect(paths).toEqual([HANDSHAKE])
    expect((await orders.fetch('https://ledger.test/a', post)).status).toBe(200)
    expect(paths).toEqual([HANDSHAKE, '/a'])
    expect(bodies.join()).not.toContain('4929')
  })

  it('a key pinned in the trust bundle demands sealing still, and the session seals', async () => {
    const domain = await testDomain('acme.test')
    const { keys } = await domain.credentials()
    const [anchor, sealing] = keys
    if (anchor === undefined || sealing === undefined) throw new Error('no keys')
    const trust = trustBundle({
      trust_domains: { 'acme.test': { keys: [publicJwk(anchor)] } },
      workloads: { 'spiffe://acme.test/ledger': { seal: [publicJwk(sealing)] } },
    })
    const options = { trust, credentials: selfIssued({ keys }) }
    domain.serve(await domain.workload('ledger', options), 'https://ledger.test', () => new Response('ok'))
    const { orders, bodies } = await bySession(domain, { trust })
    expect(answerOf(await orders.fetch('https://ledger.test/a', post)).sealed).toBe(true)
    expect(sealedTo(bodies)).toMatchObject([{ type: 3 }])
  })

  it('a handshake that fails never leads to a weaker proof', async () => {
    const domain = await testDomain('acme.test')
    domain.serve(await domain.workload('ledger'), 'http://ledger.test', () => new Response('ok'))
    const tried: string[] = []
    const { orders } = await bySession(domain, {
      transport: async (url) => {
        tried.push(new URL(url).pathname)
        if (url.includes('well-known')) return new Response('gone', { status: 404 })
        throw new Error('a body was sent')
      },
    })
    await expect(orders.fetch('http://ledger.test/a', post)).rejects.toMatchObject({ code: 'peer-cannot-open' })
    expect(tried).toEqual([HANDSHAKE, '/.well-known/countersign'])
  })
})
