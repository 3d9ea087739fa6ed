import { describe, expect, it } from 'vitest'
import { toBase64url } from '../../src/core/base64url.ts'
import { parseWorkloadId } from '../../src/identity/workload-id.ts'
import { generateKey, publicJwk, thumbprint } from '../../src/keys/jwk.ts'
import { parseBundle } from '../../src/trust/bundle.ts'
import { compileTrust } from '../../src/trust/trust.ts'
import { refusalOf } from '../core/refusal.ts'
import { bundleEntry, makeCa } from '../support/certificate.ts'

const make = async (alg: 'ES256' | 'Ed25519' | 'P-256' | 'X25519') => publicJwk(await generateKey({ alg }))
const [es256, ed25519, other, pinned] = [
  await make('ES256'),
  await make('Ed25519'),
  await make('ES256'),
  await make('ES256'),
]
const [sealP256, sealX25519] = [{ ...(await make('P-256')), kid: 'mine' }, await make('X25519')]
const orders = 'spiffe://acme.internal/orders'
const ledger = 'spiffe://acme.internal/ledger'

const trust = await compileTrust(
  parseBundle({
    trust_domains: {
      'acme.internal': { keys: [es256, { kty: 'RSA', use: 'x509-svid' }, ed25519], issuers: ['https://issuer.test'] },
      'wimse://acme.internal': { keys: [other] },
      'empty.internal': { keys: [] },
    },
    workloads: {
      [orders]: { keys: [pinned], seal: [sealP256, sealX25519], origins: ['http://orders', 'http://o2'] },
      [ledger]: { origins: ['http://ledger'] },
    },
    revoked: { workloads: [ledger], keys: ['k1'], tokens: ['t1'] },
  }),
  7,
)

const keyIds = (id: string) => trust.anchorsFor(parseWorkloadId(id))?.map(({ keyId }) => keyId)

describe('compileTrust', () => {
  it('chooses anchors by scheme and trust domain', () => {
    expect(trust.generation).toBe(7)
    expect(keyIds(ledger)).toEqual([es256.kid, ed25519.kid])
    expect(trust.anchorsFor(parseWorkloadId(ledger))?.map(({ suite }) => suite.name)).toEqual(['ES256', 'Ed25519'])
    expect(keyIds('wimse://acme.internal/ledger')).toEqual([other.kid])
    expect(keyIds('spiffe://empty.internal/a')).toEqual([])
    for (const id of ['spiffe://evil.internal/a', 'spiffe://sub.acme.internal/a', 'x://acme.internal/a']) {
      expect(keyIds(id), id).toBeUndefined()
    }
  })

  it('chooses CA certificates by scheme and trust domain', async () => {
    const [ca, otherCa] = [makeCa(), makeCa()]
    const compiled = await compileTrust(
      parseBundle({
        trust_domains: {
          'acme.internal': { keys: [es256, bundleEntry(ca), { kty: 'RSA', use: 'x509-svid', x5c: ['x'] }] },
          'wimse://acme.internal': { keys: [bundleEntry(otherCa)] },
        },
        workloads: { [orders]: { keys: [pinned] }, [ledger]: { origins: ['http://ledger'] } },
      }),
      1,
    )
    const certificates = (id: string) => compiled.caCertificatesFor(parseWorkloadId(id)).map(({ der }) => [...der])
    expect(certificates(ledger)).toEqual([[...ca.der]])
    expect(certificates('wimse://acme.internal/ledger')).toEqual([[...otherCa.der]])
    for (const id of [orders, 'spiffe://sub.acme.internal/a', 'x://acme.internal/a'])
      expect(certificates(id)).toEqual([])
    expect(compiled.anchorsFor(parseWorkloadId(ledger))?.map(({ keyId }) => keyId)).toEqual([es256.kid])
  })

  it('lets pinned keys replace those of the domain, and its issuers', () => {
    expect(keyIds(orders)).toEqual([pinned.kid])
    expect(keyIds('spiffe://acme.internal/orders/x')).toEqual([es256.kid, ed25519.kid])
    expect(trust.issuersFor(parseWorkloadId(ledger))).toEqual(['https://issuer.test'])
    expect(trust.issuersFor(parseWorkloadId(orders))).toBeUndefined()
    expect(trust.issuersFor(parseWorkloadId('wimse://acme.internal/a'))).toBeUndefined()
  })

  it('gives seal keys under their thumbprints', async () => {
    const keys = trust.sealKeysFor(orders)
    expect(keys.map(({ kid }) => kid)).toEqual([await thumbprint(sealP256), await thumbprint(sealX25519)])
    expect(keys[0]).toMatchObject({ x: sealP256.x, y: sealP256.y })
    expect([trust.sealKeysFor(ledger), trust.sealKeysFor('spiffe://acme.internal/x')]).toEqual([[], []])
  })

  it('knows who answers where', () => {
    expect(trust.originsOf(orders)).toEqual(['http://orders', 'http://o2'])
    expect(trust.originsOf('spiffe://acme.internal/x')).toEqual([])
    expect(['http://o2', 'http://ledger', 'https://ledger', 'http://ledger/'].map(trust.peerAt)).toEqual([
      orders,
      ledger,
      undefined,
      undefined,
    ])
  })

  it('revokes what any of its names revokes', () => {
    const yes = [{ id: ledger }, { keyId: 'k1' }, { tokenId: 't1' }, { id: orders, keyId: 'k2', tokenId: 't1' }]
    const no = [{}, { id: orders }, { id: 'k1' }, { keyId: 't1' }, { tokenId: 'k1' }, { keyId: 'k2', tokenId: 't2' }]
    expect([...yes, ...no].map(trust.isRevoked)).toEqual([...yes.map(() => true), ...no.map(() => false)])
  })

  it('a trust anchor that is no point of its curve is refused', async () => {
    const off = { ...es256, y: toBase64url(new Uint8Array(32).fill(1)) }
    const small = { ...ed25519, x: toBase64url(new Uint8Array(32).with(0, 1)) }
    for (const jwk of [off, small]) {
      const bundle = parseBundle({ workloads: { [orders]: { keys: [jwk] } } })
      const error = await refusalOf(() => compileTrust(bundle, 1))
      expect([error.code, error.detail.option]).toEqual(['trust-invalid', `workloads.${orders}.keys`])
    }
  })

  it('a seal key that yields no shared secret is refused', async () => {
    const off = { ...sealP256, x: toBase64url(new Uint8Array(32).fill(1)) }
    const zero = { ...sealX25519, x: toBase64url(new Uint8Array(32)) }
    for (const jwk of [off, zero]) {
      const bundle = parseBundle({ workloads: { [orders]: { seal: [jwk] } } })
      const error = await refusalOf(() => compileTrust(bundle, 1))
      expect([error.code, error.detail.option]).toEqual(['trust-invalid', `workloads.${orders}.seal`])
    }
  })
})
