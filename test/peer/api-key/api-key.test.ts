import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import type { GuardOptions } from '../../../src/flow/inbound/guard-options.ts'
import { engineOf } from '../../../src/flow/workload.ts'
import { apiKey } from '../../../src/peer/api-key/api-key.ts'
import type { ApiKeyOptions } from '../../../src/peer/api-key/api-key-options.ts'
import { memoryApiKeys } from '../../../src/peer/api-key/memory-api-keys.ts'
import { type Authenticator, BIND, isOwn, type Surroundings } from '../../../src/peer/authenticator.ts'
import { workloadProof } from '../../../src/peer/workload-proof.ts'
import { definePolicy } from '../../../src/policy/define-policy.ts'
import { testDomain } from '../../../src/testing/test-domain.ts'
import { mergeTrust, trustBundle } from '../../../src/trust/source.ts'
import { refusal } from '../../core/refusal.ts'
import { documentOf } from '../../policy/ask.ts'
import { keyOf } from './keys.ts'

const ORIGIN = 'https://ledger.test'
const lenient: Authenticator = { name: 'lenient', authenticate: () => ({ id: 'alice' }) }
const policy = definePolicy(
  documentOf([
    {
      id: 'keys',
      from: ['api-key:billing'],
      to: ['GET /open'],
      when: { authenticatedBy: ['api-key'], scope: ['read'] },
    },
    { id: 'anyhow', from: ['api-key:billing', 'alice', 'spiffe://acme.test/orders'] },
    { id: 'closed', effect: 'deny', from: ['api-key:billing'], to: ['GET /closed'] },
  ]),
)

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const one of open.splice(0)) await one.close()
})

async function served(options: Partial<ApiKeyOptions> = {}, more: Partial<GuardOptions> = {}) {
  const domain = await testDomain('acme.test')
  const ledger = await domain.workload('ledger')
  open.push(ledger)
  const { key, record } = await keyOf('billing', { createdAt: domain.clock.now() })
  const store = memoryApiKeys([record])
  const seen: Request[] = []
  const handler = (request: Request) => {
    seen.push(request)
    return new Response('ok')
  }
  const accept = [workloadProof(), apiKey({ store, ...options })]
  domain.serve(ledger, ORIGIN, handler, { accept, policy, ...more })
  const ask = (headers: Record<string, string>, path = '/open') =>
    domain.deliver(new Request(ORIGIN + path, { headers }))
  const events = async () => {
    await ledger.audit.flush()
    return domain.sink.events.filter(({ side }) => side === 'callee')
  }
  return { domain, ledger, store, key, record, ask, seen, events }
}

const told = (answer: Response) => [answer.status, answer.headers.get('www-authenticate')]

describe('apiKey', () => {
  it('lets a key alone open only what lists it', async () => {
    const { ask, key, record, events } = await served()
    const statuses = []
    for (const path of ['/open', '/other', '/closed']) statuses.push((await ask({ 'x-api-key': key }, path)).status)
    expect(statuses).toEqual([200, 403, 403])
    expect(await events()).toMatchObject([
      { peer: 'api-key:billing', authenticatedBy: 'api-key', keyId: record.id, rule: 'keys', effect: 'allow' },
      { code: 'policy-denied', keyId: record.id },
      { code: 'policy-denied', rule: 'closed' },
    ])
  })

  it('refuses what is bad with one code and one answer, and tells the operator alone why', async () => {
    const { ask, key, store, record, events, seen } = await served()
    store.revoke(record.id)
    const { key: unknown } = await keyOf()
    const bodies: unknown[] = []
    for (const bad of ['', 'x', key.slice(0, -1) + (key.endsWith('0') ? '1' : '0'), unknown, key, `${key}, ${key}`]) {
      const answer = await ask({ 'x-api-key': bad })
      expect(told(answer)).toEqual([401, 'ApiKey header="x-api-key"'])
      const { instance: _, ...problem } = await answer.json()
      bodies.push(problem)
    }
    expect(bodies).toEqual(
      Array(6).fill({ type: 'urn:countersign:problem:unauthenticated', title: 'Not authenticated', status: 401 }),
    )
    const found = await events()
    expect(found.map(({ step }) => step)).toEqual(['format', 'format', 'checksum', 'unknown', 'revoked', 'format'])
    expect(new Set(found.map(({ code }) => code))).toEqual(new Set(['api-key-invalid']))
    expect(seen).toEqual([])
    expect(JSON.stringify(found)).not.toContain(key.slice(16, -6))
  })

  it('an API key whose id or owner is revoked in the trust bundle is refused', async () => {
    const domain = await testDomain('acme.test')
    const [billing, shipping, other] = [await keyOf('billing'), await keyOf('shipping'), await keyOf('billing')]
    const revoked = { workloads: ['api-key:shipping'], keys: [other.record.id] }
    const ledger = await domain.workload('ledger', { trust: mergeTrust(domain.trust, trustBundle({ revoked })) })
    open.push(ledger)
    const store = memoryApiKeys([billing, shipping, other].map(({ record }) => record))
    domain.serve(ledger, ORIGIN, () => new Response('ok'), { accept: [apiKey({ store })], policy })
    const statuses: number[] = []
    for (const { key } of [billing, shipping, other])
      statuses.push((await domain.deliver(new Request(`${ORIGIN}/open`, { headers: { 'x-api-key': key } }))).status)
    expect(statuses).toEqual([200, 401, 401])
  })

  it('passes nothing that is bad, or cannot be found out, on to another way', async () => {
    const failing = { find: () => Promise.reject(new Error('down')) }
    const { key } = await keyOf()
    for (const [store, status] of [
      [memoryApiKeys(), 401],
      [failing, 503],
    ] as const) {
      const { ask } = await served({}, { accept: [apiKey({ store }), lenient] })
      const answer = await ask({ 'x-api-key': key })
      expect([answer.status, answer.headers.has('www-authenticate')]).toEqual([status, status === 401])
      expect((await ask({})).status).toBe(200)
    }
  })

  it('reads no key but where it belongs, and shows it to no handler', async () => {
    const { ask, key, seen, events } = await served({}, { accept: [apiKey({ store: memoryApiKeys() }), lenient] })
    expect(
      (await ask({ authorization: `ApiKey ${key}`, cookie: `x-api-key=${key}` }, `/?x-api-key=${key}`)).status,
    ).toBe(200)
    expect((await events())[0]).toMatchObject({ peer: 'alice' })
    expect(seen).toHaveLength(1)
  })

  it('keeps the key from handlers where a signature proves the call, or nothing does', async () => {
    const { domain, ask, key, seen } = await served({}, { mode: 'observe' })
    const orders = await domain.workload('orders')
    open.push(orders)
    await orders.fetch(`${ORIGIN}/x`, { headers: { 'x-api-key': key, 'x-own': '1' } })
    await ask({ 'x-api-key': `${key}x`, 'x-own': '1' })
    expect(seen.map(({ headers }) => [headers.get('x-own'), headers.get('x-api-key')])).toEqual(
      Array(2).fill(['1', null]),
    )
  })

  it('takes the scheme ApiKey where it is told to read Authorization', async () => {
    const { ask, key, seen, events } = await served({ header: 'authorization' })
    for (const good of [`ApiKey ${key}`, `apikey ${key}`, `APIKEY   ${key}`])
      expect((await ask({ authorization: good })).status).toBe(200)
    expect(seen.map(({ headers }) => headers.has('authorization'))).toEqual([false, false, false])
    const bad = [
      'ApiKey',
      `ApiKey\t${key}`,
      `ApiKey ${key}, ApiKey ${key}`,
      `Bearer x, ApiKey ${key}`,
      `ApiKey key="${key}"`,
    ]
    for (const one of [...bad, `ApiKey,${key}`])
      expect(told(await ask({ authorization: one }))).toEqual([401, 'ApiKey'])
    expect((await events()).slice(3).map(({ code, step }) => `${code} ${step}`)).toEqual(
      Array(6).fill('api-key-invalid format'),
    )
    // Other schemes are none of its business: who shows one has proven nothing here.
    for (const other of [key, `Bearer ${key}`, `ApiKeys ${key}`, 'Digest realm="apikey x"'])
      await ask({ authorization: other })
    expect((await events()).slice(9).map(({ code }) => code)).toEqual(Array(4).fill('authentication-required'))
  })

  it('takes nothing for a key that is none, whatever stands there', async () => {
    const { ledger, key } = await served()
    const { clock, report } = engineOf(ledger)
    const around = { clock, report } as unknown as Surroundings
    const nobodyElse = { connection: () => undefined, isFromProxy: () => false, isProxy: () => false }
    const [plain, scheme] = [undefined, 'authorization'].map((header) => {
      const own = apiKey({ store: memoryApiKeys(), ...(header === undefined ? {} : { header }) })
      return isOwn(own) ? own[BIND](around, []) : undefined
    })
    const part = fc.constantFrom(key, 'ApiKey', 'apikey ', ',', ' ', '\t', 'Bearer x', key.slice(0, 20), '=')
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(part).map((parts) => parts.join('')),
        ),
        (value) => {
          const evidence = { method: 'GET', target: '/', header: () => value, ...nobodyElse }
          expect(refusal(() => plain?.authenticate(evidence)).code).toBe('api-key-invalid')
          if (/^apikey(?: |$)/i.test(value)) {
            expect(refusal(() => scheme?.authenticate(evidence)).code).toBe('api-key-invalid')
          }
        },
      ),
    )
  })

  it('ends by the clock of the workload', async () => {
    const { domain, ask, store, key, record } = await served()
    store.expire(record.id, domain.clock.now() + 10_000)
    domain.clock.advance(9)
    expect((await ask({ 'x-api-key': key })).status).toBe(200)
    expect(store.list()[0]?.lastUsedAt).toBe(domain.clock.now())
    domain.clock.advance(1)
    expect((await ask({ 'x-api-key': key })).status).toBe(401)
  })

  it('a header field that means something else is refused as the place of API keys', () => {
    const store = memoryApiKeys()
    for (const header of [
      'cookie',
      'host',
      'signature',
      'content-type',
      'x-forwarded-for',
      'traceparent',
      'client-cert',
    ])
      expect(refusal(() => apiKey({ store, header }))).toMatchObject({
        code: 'option-invalid',
        detail: { option: 'apiKey options.header' },
      })
  })

  it('refuses options that are wrong by name', () => {
    const option = (given: object) => refusal(() => apiKey(given as never)).detail.option
    expect(option({})).toBe('apiKey options.store')
    expect(option({ store: {} })).toBe('apiKey options.store')
    for (const header of ['X-Api-Key', '', 'a b', 7])
      expect(option({ store: memoryApiKeys(), header })).toBe('apiKey options.header')
    expect(option({ store: memoryApiKeys(), headers: 'x' })).toBe('apiKey options')
  })
})
