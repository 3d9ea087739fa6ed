import { describe, expect, it } from 'vitest'
import { memorySink } from '../../src/audit/memory-sink.ts'
import type { AuditSink } from '../../src/audit/sink.ts'
import { auditTrail } from '../../src/audit/trail.ts'
import { isCountersignError } from '../../src/core/errors.ts'
import { engineOf } from '../../src/flow/workload.ts'
import { certificatePem } from '../../src/keys/certificate-source.ts'
import { selfIssued } from '../../src/keys/credentials.ts'
import { generateKey, publicJwk } from '../../src/keys/jwk.ts'
import { createFakeClock } from '../../src/testing/fake-clock.ts'
import { testDomain } from '../../src/testing/test-domain.ts'
import { trustBundle } from '../../src/trust/source.ts'
import { createWorkload } from '../../src/workload/create-workload.ts'
import type { WorkloadOptions } from '../../src/workload/workload-options.ts'
import { refusalOf } from '../core/refusal.ts'
import { makeLeaf, NOW_MS } from '../support/certificate.ts'
import { pairOf } from '../support/pem.ts'

async function base(): Promise<WorkloadOptions> {
  const key = await generateKey({ alg: 'ES256' })
  const trust = trustBundle({ trust_domains: { 'acme.test': { keys: [publicJwk(key)] } } })
  return { id: 'spiffe://acme.test/orders', credentials: selfIssued(key), trust, audit: memorySink() }
}

async function messageOf(change: Record<string, unknown>): Promise<string> {
  const options = { ...(await base()), ...change }
  try {
    // What a JavaScript user can pass without a type checker.
    await createWorkload(options as unknown as WorkloadOptions)
  } catch (error) {
    if (isCountersignError(error, 'option-invalid')) return error.message
    throw error
  }
  throw new Error('it was taken')
}

describe('createWorkload says what is wrong', () => {
  it.each([
    [{ id: undefined }, 'options.id', 'spiffe://'],
    [{ id: 'orders' }, 'orders', ''],
    [{ id: 'spiffe://acme.test/a/../b' }, 'spiffe://acme.test/a/../b', ''],
    [{ credentials: undefined }, 'options.credentials', 'credentialFile(path)'],
    [{ trust: {} }, 'options.trust', 'trustFile(path)'],
    [{ certificate: 'orders.pem' }, 'options.certificate', 'certificateFiles('],
    [{ mode: 'strict' }, 'options.mode', "'observe'"],
    [{ clockToleranceSeconds: 301 }, 'options.clockToleranceSeconds', '300'],
    [{ audiences: ['ledger'] }, 'options.audiences.0', 'origin'],
    [{ sessions: true }, 'options.sessions', 'false'],
    [{ sessions: { lifetimeSeconds: 29 } }, 'options.sessions.lifetimeSeconds', '30'],
    [{ sessions: { lifetimeSeconds: 601 } }, 'options.sessions.lifetimeSeconds', '600'],
    [{ sessions: { maxPerInstance: 0 } }, 'options.sessions.maxPerInstance', '1'],
    [{ sessions: { maxSession: 5 } }, 'options.sessions', 'maxSession'],
    [{ replay: {} }, 'options.replay', 'claim'],
    [{ transport: 'fetch' }, 'options.transport', 'fetch'],
    [{ peers: 'http://ledger' }, 'options.peers', 'record'],
    [{ audit: 'console' }, 'options.audit', 'sink'],
    [{ trsut: 1 }, 'options', 'trsut'],
  ])('%j', async (change, option, fix) => {
    const message = await messageOf(change)
    expect(message).toContain(fix)
    if ('trsut' in change || ('id' in change && change.id !== undefined)) return
    expect(message).toContain(option)
  })

  it('a certificate that is none of this workload, and names it in its health once it has expired', async () => {
    const clock = createFakeClock(NOW_MS)
    const other = certificatePem(pairOf(makeLeaf({ uris: ['spiffe://acme.test/ledger'] })))
    const error = await refusalOf(async () => createWorkload({ ...(await base()), certificate: other, clock }))
    expect([error.code, error.detail.option]).toEqual(['credentials-invalid', 'certificate'])
    const given = await base()
    const closed: string[] = []
    const watched = <T>(name: string, source: { load(): T }) => ({
      load: () => source.load(),
      watch: () => ({ close: () => void closed.push(name) }),
    })
    const [trust, credentials] = [watched('trust', given.trust), watched('credentials', given.credentials)]
    await refusalOf(() => createWorkload({ ...given, trust, credentials, certificate: other, clock }))
    expect(closed).toEqual(['trust', 'credentials'])

    const certificate = certificatePem(pairOf(makeLeaf()))
    const workload = await createWorkload({ ...(await base()), certificate, clock })
    expect(workload.health().problems).toEqual([])
    clock.advance(3_601)
    expect(workload.health()).toEqual({ ok: false, problems: ['credentials-unavailable'] })
    await workload.close()
  })

  it('a peer directory that names something else than origins is refused', async () => {
    for (const origin of ['ledger', 'http://ledger/path', 'http://ledger?x', 'mailto:a@b']) {
      expect(await messageOf({ peers: { [origin]: 'spiffe://acme.test/ledger' } })).toContain(origin)
    }
    await messageOf({ peers: { 'http://ledger': 'ledger' } })
  })
})

it('finds peers by the option first, then by the trust bundle', async () => {
  const domain = await testDomain('acme.test')
  const ledger = await domain.workload('ledger')
  domain.serve(ledger, 'https://ledger.test', () => new Response('ok'))
  const wrong = await domain.workload('wrong', { peers: { 'https://ledger.test/': 'spiffe://acme.test/other' } })
  await expect(wrong.fetch('https://ledger.test/')).rejects.toMatchObject({ kind: 'upstream' })
})

it('a client calls its peer alone, by relative URLs too', async () => {
  const domain = await testDomain('acme.test')
  domain.serve(
    await domain.workload('ledger'),
    'https://ledger.test',
    (request) => new Response(new URL(request.url).pathname),
  )
  const orders = await domain.workload('orders')
  const ledger = orders.client({ peer: 'spiffe://acme.test/ledger', baseUrl: 'https://ledger.test/v1/' })
  expect(await (await ledger('entries')).text()).toBe('/v1/entries')
  const other = orders.client({ peer: 'spiffe://acme.test/other', baseUrl: 'https://ledger.test' })
  await expect(other('/entries')).rejects.toMatchObject({ kind: 'upstream' })
  expect(() => orders.client({ peer: 'other' })).toThrow(expect.objectContaining({ code: 'option-invalid' }))
  expect(() => orders.client({ peer: 'spiffe://acme.test/a', baseUrl: 'x' })).toThrow('http')
})

it('tells its health, and closes once', async () => {
  const sink = memorySink()
  const orders = await createWorkload({ ...(await base()), audit: sink })
  expect(orders.health()).toEqual({ ok: true, problems: [] })
  await orders.close()
  await orders[Symbol.asyncDispose]()
  expect(sink.events.map(({ type }) => type)).toEqual(['workload.started', 'workload.closed'])
})

it('hands its options to what they are for', async () => {
  const domain = await testDomain('acme.test')
  const plain = engineOf(await domain.workload('plain'))
  expect([plain.mode, plain.toleranceSeconds, plain.audiences]).toEqual(['enforce', 30, []])
  const replay = { claim: () => 'fresh' as const }
  const audiences = ['https://pay.test', 'https://pay.test/v1']
  const options = { mode: 'observe', clockToleranceSeconds: 5, audiences, replay } as const
  const full = engineOf(await domain.workload('full', options))
  expect([full.mode, full.toleranceSeconds, full.audiences, full.replay]).toEqual(['observe', 5, audiences, replay])
  audiences.push('https://evil.test')
  expect(full.audiences).toHaveLength(2)
})

it('finds a peer by its own directory before the origins of the trust bundle', async () => {
  const trust = trustBundle({
    trust_domains: { 'acme.test': { keys: [publicJwk(await generateKey({ alg: 'ES256' }))] } },
    workloads: { 'spiffe://acme.test/bundled': { origins: ['https://a.test', 'https://b.test'] } },
  })
  const own = 'spiffe://acme.test/own'
  const domain = await testDomain('acme.test')
  const found = async (peers: NonNullable<WorkloadOptions['peers']>) => {
    const { peerAt } = engineOf(await domain.workload('orders', { trust, peers }))
    return ['https://a.test/x', 'https://b.test', 'https://c.test'].map((url) => peerAt(new URL(url)))
  }
  const expected = [own, 'spiffe://acme.test/bundled', undefined]
  expect(await found({ 'https://a.test': own })).toEqual(expected)
  expect(await found((url) => (url.host === 'a.test' ? own : undefined))).toEqual(expected)
  const orders = await domain.workload('orders', { trust, transport: async (url) => Promise.reject(new Error(url)) })
  const client = orders.client({ peer: 'spiffe://acme.test/bundled', seal: 'never' })
  await expect(client('/x')).rejects.toMatchObject({ cause: new Error('https://a.test/x') })
})

it('refuses a client whose options are wrong by name', async () => {
  const orders = await (await testDomain('acme.test')).workload('orders')
  for (const wrong of [
    { baseURL: 'https://ledger.test' },
    { seal: 'sometimes' },
    { timeoutMs: -1 },
    { peer: undefined },
  ]) {
    // What a JavaScript user can pass without a type checker.
    const options = { peer: 'spiffe://acme.test/ledger', ...wrong } as unknown as { peer: string }
    expect(() => orders.client(options), JSON.stringify(wrong)).toThrow(
      expect.objectContaining({ code: 'option-invalid' }),
    )
  }
})

it('stops what it watches when it closes, and when it cannot be made', async () => {
  const watched = async (overrides: Partial<WorkloadOptions>) => {
    const { trust, credentials } = await base()
    const stopped: string[] = []
    const watching = <T extends object>(name: string, source: T): T =>
      Object.assign(Object.create(source), { watch: () => ({ close: () => stopped.push(name) }) }) as T
    const options = {
      ...(await base()),
      trust: watching('trust', trust),
      credentials: watching('credentials', credentials),
      ...overrides,
    }
    return { made: createWorkload(options), stopped }
  }
  const good = await watched({})
  await (await good.made).close()
  expect(good.stopped.sort()).toEqual(['credentials', 'trust'])
  const bad = await watched({ credentials: { load: () => Promise.reject(new Error('gone')) } })
  await expect(bad.made).rejects.toThrow()
  expect(bad.stopped).toEqual(['trust'])
})

it('closes the trail it made, and only flushes one that is shared', async () => {
  let [closed, flushed] = [0, 0]
  const written: string[] = []
  const sink: AuditSink = {
    write: (events) => {
      written.push(...events.map(({ type }) => type))
    },
    flush: async () => {
      flushed++
    },
    close: async () => {
      closed++
    },
  }
  const shared = auditTrail({ sinks: sink })
  const sharing = await createWorkload({ ...(await base()), audit: shared })
  await sharing.close()
  await sharing.close()
  expect([closed, flushed > 0]).toEqual([0, true])
  expect(written.filter((type) => type === 'workload.closed')).toHaveLength(1)
  await (await createWorkload({ ...(await base()), audit: sink })).close()
  expect(closed).toBe(1)
})
