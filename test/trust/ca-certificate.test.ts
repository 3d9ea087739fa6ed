import { describe, expect, it } from 'vitest'
import { toBase64, toBase64url } from '../../src/core/base64url.ts'
import type { Jwk } from '../../src/crypto/primitives.ts'
import { caCertificatesOf, readCaCertificate, trimEntry } from '../../src/trust/ca-certificate.ts'
import { bundleEntry, ecKey, ed25519Key, keyUsage, makeCa, makeLeaf, rsaKey } from '../support/certificate.ts'

const ca = makeCa({ uris: ['spiffe://acme.test'] })
const entry = bundleEntry(ca)
const found = (jwk: Jwk) => readCaCertificate(jwk) !== undefined

describe('an entry for certificates', () => {
  it('stands for its first certificate, by keys of every kind', () => {
    const others = [bundleEntry(ca, makeCa()), { ...entry, kid: 'k' }]
    for (const jwk of [entry, ...others]) expect([...(readCaCertificate(jwk)?.der ?? [])]).toEqual([...ca.der])
    for (const key of [ecKey('P-384'), ed25519Key(), rsaKey(2048)])
      expect(found(bundleEntry(makeCa({ key })))).toBe(true)
  })

  it('an entry for certificates whose first certificate cannot be read is passed over', () => {
    const der = toBase64(ca.der)
    const lists = [
      undefined,
      [],
      'x',
      der,
      [1],
      ['x'],
      [null, der],
      [`${der}AAAA`],
      [der.slice(4)],
      [`\n${der}`],
      ['A'.repeat(90_000)],
    ]
    for (const x5c of lists) expect(found({ ...entry, x5c }), String(x5c)).toBe(false)
    for (const use of ['sig', 'jwt-svid']) expect(found({ ...entry, use })).toBe(false)
  })

  it('an entry for certificates whose first certificate may sign none is passed over', () => {
    expect(found(bundleEntry(makeLeaf()))).toBe(false)
    expect(found(bundleEntry(makeCa({ extensions: [keyUsage([5])] })))).toBe(false)
  })

  it('an entry for certificates with a weak or unknown key is passed over', () => {
    expect(found(bundleEntry(makeCa({ key: rsaKey(1024) })))).toBe(false)
    expect(found(bundleEntry(makeCa({ key: ecKey('P-521') })))).toBe(false)
  })

  it('an entry for certificates that names another key than its certificate is passed over', () => {
    const { x, y, ...without } = entry
    const zero = toBase64url(new Uint8Array(32))
    for (const jwk of [without, { ...without, x, y: zero }, { ...without, x: zero, y }, { ...entry, kty: 'OKP' }]) {
      expect(found(jwk as Jwk)).toBe(false)
    }
    expect(found({ ...entry, crv: 'P-384' })).toBe(false)
    expect(found({ ...entry, x5c: bundleEntry(makeCa()).x5c })).toBe(false)
    const rsa = bundleEntry(makeCa({ key: rsaKey(2048) }))
    for (const more of [{ e: 'Aw' }, { n: zero }, { kty: 'EC' }, { n: undefined }]) {
      expect(found({ ...rsa, ...more } as unknown as Jwk)).toBe(false)
    }
    const okp = bundleEntry(makeCa({ key: ed25519Key() }))
    for (const more of [{ x: zero }, { crv: 'X25519' }, { kty: 'EC' }]) expect(found({ ...okp, ...more })).toBe(false)
  })

  it('a CA certificate that stands twice in a bundle counts once', () => {
    const other = makeCa()
    const list = caCertificatesOf([entry, { ...entry, kid: 'again' }, bundleEntry(other), bundleEntry(makeLeaf())])
    expect(list.map(({ der }) => toBase64(der))).toEqual([ca, other].map(({ der }) => toBase64(der)))
  })

  it('is kept without what else stands there', () => {
    expect(trimEntry({ ...bundleEntry(ca, makeCa()), kid: 'k', more: 'x'.repeat(1000) })).toEqual(entry)
    expect(Object.keys(trimEntry(bundleEntry(makeCa({ key: rsaKey(2048) })))).sort()).toEqual([
      'e',
      'kty',
      'n',
      'use',
      'x5c',
    ])
  })
})
