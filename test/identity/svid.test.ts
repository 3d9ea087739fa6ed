import { describe, expect, it } from 'vitest'
import { parseCertificate } from '../../src/identity/certificate.ts'
import { readSvid, signingFault } from '../../src/identity/svid.ts'
import { refusal } from '../core/refusal.ts'
import {
  alternativeNames,
  basicConstraints,
  bothUses,
  CLIENT_AUTH,
  caUsage,
  dnsName,
  ecKey,
  extendedKeyUsage,
  keyUsage,
  leafUsage,
  makeCa,
  makeLeaf,
  type Recipe,
  SERVER_AUTH,
  uriName,
} from '../support/certificate.ts'
import { boolean, element } from '../support/der.ts'

const key = ecKey()
const read = (recipe: Recipe, role: 'client' | 'server' = 'client') =>
  readSvid(parseCertificate(makeLeaf({ key, ...recipe }).der), role)
const stepOf = (recipe: Recipe, role: 'client' | 'server' = 'client') => {
  const { code, detail } = refusal(() => read(recipe, role))
  expect(code).toBe('certificate-invalid')
  return detail.step
}
const named = (uri = 'spiffe://acme.test/orders') => alternativeNames(uriName(uri))

describe('a certificate that is shown as a workload', () => {
  it('names it by its one URI, whatever other names there are', () => {
    expect(read({}).id).toBe('spiffe://acme.test/orders')
    expect(read({ uris: ['wimse://acme.test/orders'] }).origin).toBe('wimse://acme.test')
    const names = alternativeNames(dnsName('spiffe://acme.test/admin'), uriName('spiffe://acme.test/a'), element(0x81))
    expect(read({ extensions: [leafUsage, names] }).id).toBe('spiffe://acme.test/a')
  })

  it('a certificate without a URI, or with more than one, is refused', () => {
    expect(stepOf({ uris: [] })).toBe('uris')
    expect(stepOf({ uris: ['spiffe://acme.test/orders', 'spiffe://acme.test/admin'] })).toBe('uris')
    expect(stepOf({ uris: ['spiffe://acme.test/orders', 'https://acme.test/'] })).toBe('uris')
    expect(stepOf({ uris: ['spiffe://acme.test/orders', 'spiffe://acme.test/orders'] })).toBe('uris')
  })

  it('a certificate whose URI is no identifier of a workload is refused', () => {
    const wrong = ['', 'https://acme.test/orders', 'spiffe://acme.test', 'spiffe://acme.test/', 'SPIFFE://acme.test/a']
    for (const uri of [...wrong, 'spiffe://acme.test/a\0', 'spiffe://acme.test/a/../b', 'spiffe://acme.test:1/a']) {
      expect(stepOf({ uris: [uri] }), uri).toBe('identifier')
    }
  })

  it('a certificate whose URI names a trust domain and no workload is refused', () => {
    for (const uri of ['wimse://acme.test', 'wimse://acme.test/']) expect(stepOf({ uris: [uri] })).toBe('identifier')
  })

  it('a CA that is shown as a workload is refused', () => {
    expect(stepOf({ extensions: [basicConstraints(boolean()), leafUsage, named()] })).toBe('leaf-is-ca')
    expect(read({ extensions: [basicConstraints(), leafUsage, named()] }).path).toBe('/orders')
  })

  it('a certificate of a workload without a critical key usage is refused', () => {
    expect(stepOf({ extensions: [named()] })).toBe('key-usage')
    expect(stepOf({ extensions: [keyUsage([0], false), named()] })).toBe('key-usage')
  })

  it('a certificate of a workload whose key may not sign is refused', () => {
    for (const bits of [[2], [4], [1, 8]]) expect(stepOf({ extensions: [keyUsage(bits), named()] })).toBe('key-usage')
    expect(read({ extensions: [keyUsage([0, 2, 4]), named()] }).path).toBe('/orders')
  })

  it('a certificate of a workload whose key may sign certificates or revocation lists is refused', () => {
    for (const bits of [
      [0, 5],
      [0, 6],
    ])
      expect(stepOf({ extensions: [keyUsage(bits), named()] })).toBe('key-usage')
  })

  it('a certificate of a workload whose uses do not include the one it is shown for is refused', () => {
    const uses = (...names: string[]) => ({ extensions: [leafUsage, extendedKeyUsage(...names), named()] })
    const wimse = (...names: string[]) => ({
      extensions: [leafUsage, extendedKeyUsage(...names), named('wimse://acme.test/orders')],
    })
    for (const one of [SERVER_AUTH, CLIENT_AUTH, '2.5.29.37.0', '1.3.6.1.5.5.7.3.3']) {
      expect(stepOf(uses(one)), one).toBe('extended-key-usage')
    }
    expect(read(uses(CLIENT_AUTH, '1.2.3', SERVER_AUTH)).path).toBe('/orders')
    expect(read(wimse(CLIENT_AUTH)).path).toBe('/orders')
    expect(read(wimse(SERVER_AUTH), 'server').path).toBe('/orders')
    expect(stepOf(wimse(SERVER_AUTH))).toBe('extended-key-usage')
    expect(stepOf(wimse(CLIENT_AUTH), 'server')).toBe('extended-key-usage')
    expect(read({ extensions: [leafUsage, named()] }).path).toBe('/orders')
  })
})

describe('a certificate that signs others', () => {
  const fault = (recipe: Recipe) => signingFault(parseCertificate(makeCa({ key, ...recipe }).der), 'spiffe://acme.test')

  it('signs for the trust domain it names, or for any where it names none', () => {
    expect(fault({})).toBeUndefined()
    expect(fault({ uris: ['spiffe://acme.test'] })).toBeUndefined()
  })

  it('a certificate signed by one that is no CA is refused', () => {
    expect(fault({ extensions: [caUsage] })).toBe('issuer-not-ca')
    expect(fault({ extensions: [basicConstraints(), caUsage] })).toBe('issuer-not-ca')
  })

  it('a certificate signed by a CA whose key may not sign certificates is refused', () => {
    expect(fault({ extensions: [basicConstraints(boolean())] })).toBe('issuer-key-usage')
    expect(fault({ extensions: [basicConstraints(boolean()), keyUsage([0, 6]), bothUses] })).toBe('issuer-key-usage')
  })

  it('a certificate signed by a CA that names another trust domain, or a workload, is refused', () => {
    const wrong = ['spiffe://other.test', 'wimse://acme.test', 'spiffe://acme.test/ca', 'spiffe://acme.test/']
    for (const uri of wrong) expect(fault({ uris: [uri] }), uri).toBe('issuer-trust-domain')
    expect(fault({ uris: ['spiffe://acme.test', 'spiffe://acme.test'] })).toBe('issuer-trust-domain')
  })
})
