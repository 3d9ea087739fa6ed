import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { generateKey, publicJwk } from '../../src/keys/jwk.ts'
import type { TrustBundle } from '../../src/trust/bundle.ts'
import { mergeTrust, trustBundle, trustFile } from '../../src/trust/source.ts'
import type { TrustSource } from '../../src/trust/trust-source.ts'
import { refusal, refusalOf } from '../core/refusal.ts'

const make = async () => publicJwk(await generateKey({ alg: 'ES256' }))
const [one, two] = [await make(), await make()]
const sealKey = publicJwk(await generateKey({ alg: 'X25519' }))
const orders = 'spiffe://acme.internal/orders'

describe('trustBundle', () => {
  it('gives a copy of the bundle, checked at once', async () => {
    const bundle = { trust_domains: { 'acme.internal': { keys: [one] } } }
    const source = trustBundle(bundle)
    bundle.trust_domains['acme.internal'].keys.push(two)
    expect((await source.load()).trust_domains?.['acme.internal']?.keys).toEqual([one])
    expect(refusal(() => trustBundle({ trust_domains: { Acme: { keys: [] } } })).code).toBe('trust-invalid')
  })
})

describe('trustFile', () => {
  let folder: string

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'countersign-'))
  })

  afterEach(async () => {
    await rm(folder, { recursive: true, force: true })
  })

  it('reads the file each time, and names it where it is wrong', async () => {
    const path = join(folder, 'trust.json')
    const source = trustFile(path)
    expect((await refusalOf(() => source.load())).detail.option).toBe(path)
    await writeFile(path, JSON.stringify({ trust_domains: { 'acme.internal': { keys: [one] } } }))
    expect(await source.load()).toEqual({ trust_domains: { 'acme.internal': { keys: [one] } } })
    await writeFile(path, JSON.stringify({ workloads: { orders: {} } }))
    const error = await refusalOf(() => source.load())
    expect([error.code, error.detail.option]).toEqual(['trust-invalid', `${path} workloads.orders`])
    await writeFile(path, '{')
    expect((await refusalOf(() => source.load())).code).toBe('trust-invalid')
  })
})

const merged = (...bundles: TrustBundle[]) => mergeTrust(...bundles.map(trustBundle)).load()
const domain = (name: string, key = one): TrustBundle => ({ trust_domains: { [name]: { keys: [key] } } })

describe('mergeTrust', () => {
  it('joins sources that speak for different things', async () => {
    const bundle = await merged(
      { ...domain('acme.internal'), revoked: { keys: ['a'] } },
      { ...domain('wimse://acme.internal', two), revoked: { keys: ['b'], tokens: ['t'], workloads: [orders] } },
      { workloads: { [orders]: { origins: ['http://orders'] } } },
      {},
    )
    expect(bundle).toEqual({
      trust_domains: { 'acme.internal': { keys: [one] }, 'wimse://acme.internal': { keys: [two] } },
      workloads: { [orders]: { origins: ['http://orders'] } },
      revoked: { keys: ['a', 'b'], tokens: ['t'], workloads: [orders] },
    })
  })

  it('two sources that speak for one trust domain are refused', async () => {
    const others: TrustBundle[] = [
      domain('acme.internal', two),
      domain('spiffe://acme.internal', two),
      { workloads: { [orders]: { keys: [two] } } },
      { workloads: { [orders]: { seal: [sealKey] } } },
      { workloads: { [orders]: { audit: [two] } } },
    ]
    for (const other of others) {
      for (const attempt of [
        () => merged(domain('acme.internal'), other),
        () => merged(other, domain('acme.internal')),
      ]) {
        const error = await refusalOf(attempt)
        expect([error.code, error.detail.option]).toEqual(['trust-invalid', 'spiffe://acme.internal'])
      }
    }
  })

  it('two sources that speak for one workload are refused', async () => {
    const entry = (origin: string): TrustBundle => ({ workloads: { [orders]: { origins: [origin] } } })
    const error = await refusalOf(() => merged(entry('http://a'), entry('http://b')))
    expect([error.code, error.detail.option]).toEqual(['trust-invalid', orders])
  })

  it('refuses two sources that share a key or an origin', async () => {
    const ledger = 'spiffe://acme.internal/ledger'
    const at = (id: string): TrustBundle => ({ workloads: { [id]: { origins: ['http://a'] } } })
    expect((await refusalOf(() => merged(domain('a.test'), domain('b.test')))).code).toBe('trust-invalid')
    expect((await refusalOf(() => merged(at(orders), at(ledger)))).code).toBe('trust-invalid')
  })

  it('checks what a source of the user’s own gives', async () => {
    const own: TrustSource = { load: async () => ({ trust_domain: {} }) as TrustBundle }
    expect((await refusalOf(() => mergeTrust(own).load())).code).toBe('trust-invalid')
  })

  it('watches all, and closes all', () => {
    const open = new Set<string>()
    const callbacks: (() => void)[] = []
    const source = (name: string): TrustSource => ({
      load: () => ({}),
      watch(changed) {
        open.add(name)
        callbacks.push(changed)
        return { close: () => void open.delete(name) }
      },
    })
    let changes = 0
    const watch = mergeTrust(source('a'), { load: () => ({}) }, source('b')).watch?.(() => changes++)
    for (const callback of callbacks) callback()
    expect([changes, [...open]]).toEqual([2, ['a', 'b']])
    watch?.close()
    expect(open.size).toBe(0)
  })
})
