import { describe, expect, it } from 'vitest'
import { memorySink } from '../../src/audit/memory-sink.ts'
import { isCountersignError } from '../../src/core/errors.ts'
import { selfIssued } from '../../src/keys/credentials.ts'
import { generateKey, publicJwk } from '../../src/keys/jwk.ts'
import { testDomain } from '../../src/testing/test-domain.ts'
import { trustBundle } from '../../src/trust/source.ts'
import { createWorkload } from '../../src/workload/create-workload.ts'
import type { WorkloadOptions } from '../../src/workload/workload-options.ts'

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
    [{ mode: 'strict' }, 'options.mode', "'observe'"],
    [{ clockToleranceSeconds: 301 }, 'options.clockToleranceSeconds', '300'],
    [{ audiences: ['ledger'] }, 'options.audiences.0', 'origin'],
    [{ sessions: true }, 'options.sessions', 'no sessions'],
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
