import { describe, expect, it } from 'vitest'
import { generateKey, publicJwk } from '../../src/keys/jwk.ts'
import { parseBundle, trustOriginOf } from '../../src/trust/bundle.ts'
import { refusal } from '../core/refusal.ts'

const make = async (alg: 'ES256' | 'Ed25519' | 'P-256' | 'X25519') => publicJwk(await generateKey({ alg }))
const anchor = await make('ES256')
const second = await make('Ed25519')
const sealKey = await make('X25519')
const auditKey = await make('Ed25519')
const orders = 'spiffe://acme.internal/orders'
const ledger = 'spiffe://acme.internal/ledger'

/** Refused, and the place is named. */
function refused(bundle: unknown, place: string, fix?: RegExp): void {
  const error = refusal(() => parseBundle(bundle))
  expect(error.code).toBe('trust-invalid')
  expect(error.detail.option).toBe(place)
  if (fix !== undefined) expect(error.detail.fix).toMatch(fix)
}

const domain = (...keys: unknown[]) => ({ trust_domains: { 'acme.internal': { keys } } })

describe('parseBundle', () => {
  it('gives a frozen copy of the whole document', () => {
    const bundle = {
      trust_domains: {
        'acme.internal': {
          keys: [anchor],
          issuers: ['https://issuer.test'],
          spiffe_sequence: 3,
          spiffe_refresh_hint: 60,
        },
        'wimse://acme.internal': { keys: [] },
      },
      workloads: {
        [orders]: {
          keys: [second],
          seal: [sealKey],
          audit: [auditKey],
          origins: ['http://orders', 'https://o.test:8443'],
        },
        [ledger]: {},
      },
      revoked: { workloads: [ledger], keys: ['k'], tokens: ['t'] },
    }
    const parsed = parseBundle(structuredClone(bundle))
    expect(parsed).toEqual(bundle)
    expect(parseBundle(parsed)).toEqual(bundle)
    expect(Object.isFrozen(parsed.workloads?.[orders]?.origins)).toBe(true)
    expect(parseBundle({})).toEqual({})
  })

  it('refuses unknown members by name', () => {
    refused({ ...domain(anchor), trustdomains: {} }, 'document', /"trustdomains"/)
    refused({ trust_domains: { a: { keys: [], keyz: [] } } }, 'trust_domains.a', /"keyz"/)
    refused({ workloads: { [orders]: { origin: [] } } }, `workloads.${orders}`, /"origin"/)
    refused({ revoked: { key: [] } }, 'revoked', /"key"/)
  })

  it('refuses what is no such document', () => {
    for (const bundle of [undefined, null, [], 'x', 1]) refused(bundle, 'document')
    refused({ trust_domains: { a: {} } }, 'trust_domains.a.keys')
    refused({ trust_domains: [] }, 'trust_domains')
    refused({ trust_domains: { a: { keys: [], issuers: ['issuer'] } } }, 'trust_domains.a.issuers.0')
    refused({ workloads: { [orders]: { seal: [] } } }, `workloads.${orders}.seal`, /leave it out/)
    refused(domain('x'), 'trust_domains.acme.internal.keys.0')
    refused(domain({ ...anchor, x: 'x' }), 'trust_domains.acme.internal.keys.0.x')
  })

  it('a trust bundle that holds a private or symmetric key is refused', async () => {
    const place = 'trust_domains.acme.internal.keys.1'
    for (const alg of ['ES256', 'Ed25519', 'A256KW'] as const) {
      const jwk = await generateKey({ alg })
      const error = refusal(() => parseBundle(domain(anchor, jwk)))
      expect([error.code, error.detail.option]).toEqual(['trust-invalid', place])
      expect(error.message).not.toContain(jwk.d ?? jwk.k)
    }
    refused(domain(anchor, { ...second, d: null }), place, /private/)
    refused(domain(anchor, { kty: 'RSA', use: 'x509-svid', p: 'x' }), place, /private/)
    refused({ workloads: { [orders]: { seal: [await generateKey({ alg: 'X25519' })] } } }, `workloads.${orders}.seal.0`)
  })

  it('a trusted key without a "kid" is refused', () => {
    const { kid: _kid, ...unnamed } = anchor
    refused(domain(unnamed), 'trust_domains.acme.internal.keys.0.kid')
    refused({ workloads: { [orders]: { audit: [unnamed] } } }, `workloads.${orders}.audit.0.kid`)
  })

  it('a trust anchor that cannot verify signatures is refused', () => {
    const place = 'trust_domains.acme.internal.keys.0'
    for (const jwk of [sealKey, { ...anchor, use: 'enc' }, { ...anchor, alg: 'EdDSA' }, { ...second, alg: 'none' }]) {
      refused(domain(jwk), place)
    }
    refused({ workloads: { [orders]: { keys: [sealKey] } } }, `workloads.${orders}.keys.0`)
    for (const use of ['sig', 'wit-svid']) expect(parseBundle(domain({ ...anchor, use }))).toBeDefined()
    expect(parseBundle(domain({ ...second, alg: 'EdDSA' }))).toBeDefined()
  })

  it('an audit key that cannot verify signatures is refused', () => {
    for (const jwk of [sealKey, { ...auditKey, use: 'enc' }, { ...auditKey, use: 'wit-svid' }]) {
      refused({ workloads: { [orders]: { audit: [jwk] } } }, `workloads.${orders}.audit.0`)
    }
  })

  it('a seal key that cannot agree on a secret is refused', () => {
    for (const jwk of [second, { ...sealKey, use: 'sig' }, anchor]) {
      refused({ workloads: { [orders]: { seal: [jwk] } } }, `workloads.${orders}.seal.0`)
    }
  })

  it('passes over what else a SPIFFE bundle holds', () => {
    const certificate = { kty: 'RSA', use: 'x509-svid', n: 'n', e: 'AQAB', x5c: ['x'] }
    const keys = [certificate, { ...certificate }, { kty: 'EC', use: 'jwt-svid', kid: 'k' }, anchor]
    expect(parseBundle(domain(...keys)).trust_domains?.['acme.internal']?.keys).toHaveLength(4)
    refused({ workloads: { [orders]: { keys: [certificate] } } }, `workloads.${orders}.keys.0.kty`)
  })

  it('a trust domain with more than a hundred CA certificates is refused', () => {
    const entry = { kty: 'RSA', use: 'x509-svid', n: 'n', e: 'AQAB', x5c: ['x'] }
    const entries = Array.from({ length: 100 }, () => entry)
    expect(parseBundle(domain(...entries, anchor))).toBeDefined()
    refused(domain(...entries, anchor, entry), 'trust_domains.acme.internal.keys', /100/)
  })

  it('a trust domain whose name is not valid is refused', () => {
    for (const name of [
      '',
      'Acme.internal',
      'acme.internal/',
      'spiffe://acme.internal/x',
      '10.0.0.1',
      'a:80',
      'x://',
    ]) {
      refused({ trust_domains: { [name]: { keys: [] } } }, `trust_domains.${name}`)
    }
  })

  it('a trust domain under two names is refused', () => {
    const trust_domains = { 'acme.internal': { keys: [anchor] }, 'spiffe://acme.internal': { keys: [second] } }
    refused({ trust_domains }, 'trust_domains.spiffe://acme.internal')
  })

  it('a trusted workload whose identifier is not valid is refused', () => {
    for (const id of ['orders', 'spiffe://acme.internal', 'spiffe://acme.internal/*', 'anonymous']) {
      refused({ workloads: { [id]: {} } }, `workloads.${id}`)
    }
  })

  it('an origin that is not a bare http or https origin is refused', () => {
    const wrong = ['http://orders/', 'http://orders/x', 'orders', 'HTTP://orders', 'http://Orders', 'http://orders:80']
    for (const origin of [...wrong, 'https://a:443', 'ftp://orders', 'http://u@orders', 'http://orders?', '', 'null']) {
      refused({ workloads: { [orders]: { origins: [origin] } } }, `workloads.${orders}.origins`)
    }
    const right = ['http://orders', 'https://orders.test:8443', 'http://127.0.0.1:3000', 'http://[::1]:3000']
    expect(parseBundle({ workloads: { [orders]: { origins: right } } }).workloads?.[orders]?.origins).toEqual(right)
  })

  it('an origin of two workloads is refused', () => {
    const workloads = { [orders]: { origins: ['http://a'] }, [ledger]: { origins: ['http://b', 'http://a'] } }
    refused({ workloads }, `workloads.${ledger}.origins`, /orders/)
    refused({ workloads: { [orders]: { origins: ['http://a', 'http://a'] } } }, `workloads.${orders}.origins`)
  })

  it('a revoked workload whose identifier is not valid is refused', () => {
    for (const id of [
      'orders',
      'spiffe://acme.internal/**',
      'SPIFFE://acme.internal/a',
      'api-key:',
      'a /b',
      ':a',
      '//',
    ])
      refused({ revoked: { workloads: [id] } }, 'revoked.workloads')
    const workloads = ['https://login.acme.com/auth0|7', 'https://login.acme.com:8443/a', 'login/a', 'api-key:billing']
    expect(parseBundle({ revoked: { workloads } }).revoked).toEqual({ workloads })
  })

  it('a "kid" that stands twice in a set of trusted keys is refused', () => {
    refused(domain(anchor, { ...second, kid: anchor.kid }), 'trust_domains.acme.internal.keys', /twice/)
    const elsewhere = { ...domain(anchor), workloads: { [orders]: { keys: [{ ...second, kid: anchor.kid }] } } }
    expect(parseBundle(elsewhere)).toBeDefined()
  })

  it('a trusted key that stands in two places is refused', async () => {
    const { alg: _alg, ...curve } = anchor
    const again = { ...curve, kid: 'other' }
    refused(domain(anchor, again), 'trust_domains.acme.internal.keys')
    const domains = { 'acme.internal': { keys: [anchor] }, 'other.internal': { keys: [again] } }
    refused({ trust_domains: domains }, 'trust_domains.other.internal.keys')
    for (const use of ['keys', 'seal', 'audit']) {
      refused({ ...domain(anchor), workloads: { [orders]: { [use]: [again] } } }, `workloads.${orders}.${use}`)
    }
    refused({ workloads: { [orders]: { seal: [sealKey] }, [ledger]: { seal: [sealKey] } } }, `workloads.${ledger}.seal`)
  })
})

describe('trustOriginOf', () => {
  it('takes a bare name for a SPIFFE trust domain', () => {
    expect(trustOriginOf('acme.internal')).toBe('spiffe://acme.internal')
    expect(trustOriginOf('wimse://acme.internal')).toBe('wimse://acme.internal')
    expect(trustOriginOf('spiffe://acme.internal/')).toBeUndefined()
  })
})
