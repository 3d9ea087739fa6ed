import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { mergeTrust, revocationFile, revocationUrl, type TrustSource } from '../../src/index.ts'
import { testDomain } from '../../src/testing/test-domain.ts'
import { refusal, refusalOf } from '../core/refusal.ts'
import { bearerDomain } from '../peer/bearer/bearer-domain.ts'
import { answering, hanging, keyServer, until } from './key-server.ts'

const open: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

const ORDERS = 'spiffe://acme.test/orders'

/** A ledger that believes its domain, but for what is on the list, and an orders service that calls it. */
async function served(list: TrustSource) {
  const domain = await testDomain('acme.test')
  const trust = mergeTrust(domain.trust, list)
  const ledger = await domain.workload('ledger', { trust })
  const orders = await domain.workload('orders')
  open.push(
    () => ledger.close(),
    () => orders.close(),
  )
  domain.serve(ledger, 'https://ledger.test', () => new Response('ok'))
  const call = async (proof: 'session' | 'signature') => {
    const { status } = await orders.fetch('https://ledger.test/entries', { countersign: { proof } })
    await ledger.audit.flush()
    const event = domain.sink.events.findLast(({ type, side }) => type === 'call' && side === 'callee')
    return event?.code === undefined ? `${status}` : `${status} ${event.code}`
  }
  const told = (type: string) => domain.sink.events.filter((event) => event.type === type).length
  return { domain, ledger, orders, call, told }
}

describe('a list of what was revoked at a URL', () => {
  async function listed() {
    const server = await keyServer()
    open.push(() => server.close())
    server.serve({ workloads: [], keys: [], tokens: [] })
    return { server, ...(await served(revocationUrl(server.url))) }
  }

  it('ends tokens and sessions within a refresh, and lets them be again when it is shorter', async () => {
    const { server, call, domain, told } = await listed()
    expect([await call('session'), await call('session'), await call('signature')]).toEqual(['200', '200', '200'])
    server.serve({ workloads: [ORDERS] })
    domain.clock.advance(10)
    // The call that finds that it is time does not wait for the list.
    await call('session')
    await until(() => told('trust.changed') === 1)
    expect(await call('signature')).toBe('400 token-revoked')
    expect(await call('session')).toBe('400 token-revoked')
    server.serve({ workloads: [] })
    domain.clock.advance(10)
    await call('signature')
    await until(() => told('trust.changed') === 2)
    expect([await call('session'), await call('signature')]).toEqual(['200', '200'])
  })

  it('that cannot be had keeps its last version, and past its bound everybody is refused', async () => {
    const { server, call, domain, ledger, told } = await listed()
    expect(await call('session')).toBe('200')
    server.behave(answering(503))
    const before = server.asked()
    for (let minute = 0; minute < 59; minute++) {
      domain.clock.advance(60)
      expect(await call('signature')).toBe('200')
    }
    await until(() => told('trust.unreachable') === 1)
    expect(server.asked() - before).toBeLessThanOrEqual(60)
    expect(await call('session')).toBe('200')
    domain.clock.advance(61)
    expect(await call('signature')).toBe('503 trust-unavailable')
    expect(await call('session')).toBe('503 trust-unavailable')
    expect(ledger.health()).toEqual({ ok: false, problems: ['trust-unavailable'] })
    server.serve({ workloads: [] })
    domain.clock.advance(15)
    await call('signature')
    await until(() => told('trust.recovered') === 1)
    expect(await call('signature')).toBe('200')
  })

  it('that is no list keeps its last version', async () => {
    const { server, call, domain, told } = await listed()
    server.serve({ workloads: [ORDERS] })
    domain.clock.advance(10)
    await call('signature')
    await until(() => told('trust.changed') === 1)
    let rejected = 0
    for (const bad of [{ workloads: 'all' }, [], { workloads: ['orders'] }, { trust_domains: {} }, 7]) {
      server.serve(bad)
      domain.clock.advance(30)
      expect(await call('signature')).toBe('400 token-revoked')
      rejected++
      await until(() => told('trust.rejected') === rejected)
    }
  })

  it('brings no keys, whatever stands in it', async () => {
    const server = await keyServer()
    open.push(() => server.close())
    server.serve({ trust_domains: { 'evil.test': { keys: [] } } })
    expect((await refusalOf(() => served(revocationUrl(server.url)))).code).toBe('trust-unavailable')
  })

  it('that was never had lets no workload start', async () => {
    const server = await keyServer()
    open.push(() => server.close())
    expect((await refusalOf(() => served(revocationUrl(server.url)))).code).toBe('trust-unavailable')
  })

  it('that hangs holds nobody up', async () => {
    const { server, call, domain } = await listed()
    expect(await call('signature')).toBe('200')
    server.behave(hanging)
    domain.clock.advance(20)
    const begun = performance.now()
    for (let count = 0; count < 20; count++) expect(await call('signature')).toBe('200')
    expect(performance.now() - begun).toBeLessThan(2_000)
  })

  it('counts for access tokens, too', async () => {
    const server = await keyServer()
    open.push(() => server.close())
    server.serve({})
    const domain = await testDomain('acme.test')
    const trust = mergeTrust(domain.trust, revocationUrl(server.url))
    const { send, mint, outcome, domain: clocked } = await bearerDomainWith(trust, domain)
    expect(await outcome(send(await mint()))).toBe('200')
    server.serve({ tokens: ['token-1'] })
    clocked.clock.advance(10)
    await send(await mint({ jti: 'token-2' }))
    await until(() => clocked.sink.events.some(({ type }) => type === 'trust.changed'))
    expect(await outcome(send(await mint()))).toBe('401 bearer-invalid revoked')
    expect(await outcome(send(await mint({ jti: 'token-2' })))).toBe('200')
    server.behave(answering(503))
    clocked.clock.advance(3_700)
    expect(await outcome(send(await mint({ jti: 'token-3' })))).toBe('503 trust-unavailable stale')
  })

  it('names what is wrong with its options', () => {
    expect(refusal(() => revocationUrl('http://security.test/list')).detail.option).toBe('revocationUrl')
    const wrong = { refreshSeconds: 0 }
    expect(refusal(() => revocationUrl('https://security.test/list', wrong)).detail.option).toBe(
      'revocationUrl.refreshSeconds',
    )
    expect(refusal(() => revocationFile('list.json', wrong)).detail.option).toBe('revocationFile.refreshSeconds')
  })
})

async function bearerDomainWith(trust: TrustSource, domain: Awaited<ReturnType<typeof testDomain>>) {
  const credentials = { load: () => domain.credentials() }
  const found = await bearerDomain({ workload: { trust, credentials } })
  open.push(() => found.close())
  return found
}

describe('a list of what was revoked in a file', () => {
  it('ends tokens within a refresh; a file that is gone or half written keeps its last version', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'countersign-revoked-'))
    open.push(() => rm(folder, { recursive: true }))
    const path = join(folder, 'revoked.json')
    await writeFile(path, '{}')
    const { call, domain, told } = await served(revocationFile(path))
    expect(await call('signature')).toBe('200')
    await writeFile(path, JSON.stringify({ workloads: [ORDERS] }))
    domain.clock.advance(10)
    await call('signature')
    await until(() => told('trust.changed') === 1)
    expect(await call('signature')).toBe('400 token-revoked')
    await writeFile(path, '{"workloads": [')
    domain.clock.advance(10)
    expect(await call('signature')).toBe('400 token-revoked')
    await until(() => told('trust.unreachable') === 1)
    await rm(path)
    domain.clock.advance(3_601)
    expect(await call('signature')).toBe('503 trust-unavailable')
    await writeFile(path, '{}')
    domain.clock.advance(15)
    await call('signature')
    await until(() => told('trust.recovered') === 1)
    expect(await call('signature')).toBe('200')
    const unreachable = domain.sink.events.find(({ type }) => type === 'trust.unreachable')
    expect(unreachable?.name).toBe(path)
  })

  it('that is not there lets no workload start', async () => {
    expect((await refusalOf(() => served(revocationFile('/nowhere/revoked.json')))).code).toBe('trust-unavailable')
  })
})
