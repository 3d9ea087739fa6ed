import { describe, expect, it } from 'vitest'
import { fromBase64 } from '../../src/core/base64url.ts'
import { concat, utf8 } from '../../src/core/bytes.ts'
import { isCountersignError } from '../../src/core/errors.ts'
import { parseCertificate } from '../../src/identity/certificate.ts'
import { isStrong } from '../../src/identity/public-key.ts'
import { refusal } from '../core/refusal.ts'
import {
  alternativeNames,
  basicConstraints,
  bothUses,
  caUsage,
  dnsName,
  ecKey,
  ed25519Key,
  extendedKeyUsage,
  extension,
  keyUsage,
  leafUsage,
  makeCa,
  makeLeaf,
  NOW_MS,
  rsaKey,
  type SigningName,
  signings,
  uriName,
} from '../support/certificate.ts'
import { bitString, boolean, element, explicit, integer, nothing, octetString, oid, sequence } from '../support/der.ts'
import { vectorFile, vectorIt } from '../vectors/load.ts'

const key = ecKey()
const ca = makeCa({ name: 'root', key })
const rsa = rsaKey(2048)
const leaf = (recipe: Parameters<typeof makeLeaf>[0]) => makeLeaf({ by: ca, key, ...recipe }).der
const stepOf = (der: Uint8Array) => {
  const { code, detail } = refusal(() => parseCertificate(der))
  expect(code).toBe('certificate-invalid')
  return detail.step
}
const withExtensions = (...extensions: readonly Uint8Array[]) => parseCertificate(leaf({ extensions })).extensions
const stepWith = (...extensions: readonly Uint8Array[]) => stepOf(leaf({ extensions }))

describe('parseCertificate', () => {
  it('reads what a certificate says', () => {
    const der = leaf({
      extensions: [leafUsage, bothUses, alternativeNames(uriName('spiffe://acme.test/orders'), dnsName('orders'))],
      parts: { serial: integer(0, 0xab, 0x0c) },
    })
    const found = parseCertificate(der)
    expect(found).toMatchObject({ serial: 'ab0c', notBefore: NOW_MS - 3_600_000, notAfter: NOW_MS + 3_600_000 })
    expect(found.signature).toBe('ECDSA')
    expect(found.key.type).toBe('P-256')
    expect([...found.issuer]).toEqual([...ca.name])
    expect(found.extensions).toEqual({
      isCa: false,
      keyUsage: 0x8000,
      isKeyUsageCritical: true,
      extendedKeyUsages: ['2b06010505070301', '2b06010505070302'],
      uris: ['spiffe://acme.test/orders'],
      dnsNames: ['orders'],
      hasAddresses: false,
      addresses: [],
    })
    expect(parseCertificate(makeCa({ pathLength: 3 }).der).extensions).toMatchObject({ isCa: true, pathLength: 3 })
  })

  it('keeps a copy: who changes the bytes later changes nothing', () => {
    const der = leaf({})
    const found = parseCertificate(der)
    const before = [...found.der]
    der.fill(0)
    expect([...found.der]).toEqual(before)
    expect(found.extensions.uris).toEqual(['spiffe://acme.test/orders'])
  })

  vectorIt('reads the certificates of RFC 9440', () => {
    const file = vectorFile('tokens-vectors.json') as { client_cert_rfc9440: Record<string, string> }
    const read = (name: string) =>
      parseCertificate(fromBase64(file.client_cert_rfc9440[name] ?? '') ?? new Uint8Array())
    const [shown, intermediate, root] = [read('leaf_b64_der'), read('intermediate_b64_der'), read('root_b64_der')]
    expect(shown).toMatchObject({ serial: '7', notBefore: Date.UTC(2020, 0, 14, 22, 55, 33), signature: 'ECDSA' })
    expect(shown.extensions).toMatchObject({
      isCa: false,
      keyUsage: 0xc000,
      uris: [],
      extendedKeyUsages: ['2b06010505070302'],
    })
    expect([...shown.issuer]).toEqual([...intermediate.subject])
    expect(intermediate.extensions).toMatchObject({ isCa: true, pathLength: 0 })
    expect(root).toMatchObject({ serial: 'a4b4ca2a8ab65868', notAfter: Date.UTC(2040, 0, 9, 21, 25, 45) })
  })

  it('a certificate of more than 64 KiB is refused', () => {
    const fill = (bytes: number) => extension('1.2.3', new Uint8Array(bytes))
    const rest = leaf({ extensions: [fill(64_000)] }).length - 64_000
    expect(stepOf(leaf({ extensions: [fill(65_600 - rest)] }))).toBe('size')
    expect(parseCertificate(leaf({ extensions: [fill(65_000 - rest)] })).serial).toBeDefined()
  })

  it('a certificate of another version than 3 is refused', () => {
    expect(stepOf(leaf({ parts: { version: new Uint8Array() } }))).toBe('version')
  })

  it('a certificate that names another version than 3 is refused', () => {
    for (const version of [integer(0), integer(1), integer(3), integer(2, 0)]) {
      expect(stepOf(leaf({ parts: { version: explicit(0, version) } }))).toBe('version')
    }
    expect(stepOf(leaf({ parts: { version: explicit(0, integer(2), integer(2)) } }))).toBe('trailing-bytes')
  })

  it('a serial number of more than 20 bytes is refused', () => {
    const serial = (...first: number[]) =>
      leaf({ parts: { serial: integer(...first, ...new Uint8Array(19).fill(0xff)) } })
    expect(parseCertificate(serial(0, 0x80)).serial).toHaveLength(40)
    expect(stepOf(serial(0x01, 0x80))).toBe('serial')
    expect(stepOf(leaf({ parts: { serial: integer(0x80) } }))).toBe('integer')
    expect(parseCertificate(leaf({ parts: { serial: integer(0) } })).serial).toBe('0')
  })

  it('a certificate whose signed part names another signature algorithm is refused', () => {
    expect(stepOf(leaf({ parts: { algorithm: signings['ecdsa-sha384'].algorithm } }))).toBe('signature-algorithm')
  })

  it('a certificate whose issuer has no name is refused', () => {
    expect(stepOf(leaf({ parts: { issuer: sequence() } }))).toBe('issuer')
    expect(parseCertificate(leaf({ parts: { subject: sequence() } })).serial).toBeDefined()
  })

  it('refuses what stands in a wrong place', () => {
    const { der } = makeLeaf({ by: ca, key })
    expect(stepOf(concat(der, Uint8Array.of(0)))).toBe('der-header')
    expect(stepOf(concat(der, nothing()))).toBe('trailing-bytes')
    expect(stepOf(concat(der, der))).toBe('trailing-bytes')
    expect(stepOf(utf8('-----BEGIN CERTIFICATE-----'))).toBe('der-cut-short')
    expect(stepOf(new Uint8Array())).toBe('der-header')
    expect(stepOf(leaf({ parts: { extensions: new Uint8Array() } }))).toBe('der-header')
    expect(stepOf(leaf({ parts: { extensions: explicit(1, sequence()) } }))).toBe('syntax')
    expect(stepOf(leaf({ parts: { extensions: explicit(3, sequence(), sequence()) } }))).toBe('trailing-bytes')
    expect(stepOf(leaf({ parts: { extensions: concat(explicit(3, sequence()), explicit(3, sequence())) } }))).toBe(
      'trailing-bytes',
    )
    const validity = sequence(element(0x17, utf8('260101000000Z')))
    expect(stepOf(leaf({ parts: { validity } }))).toBe('der-header')
  })

  it('gives one clear error for a certificate that was cut short, wherever', () => {
    for (const { der } of [makeLeaf({ by: ca, key }), makeCa({ key })]) {
      for (let length = 0; length < der.length; length++) {
        expect(stepOf(der.subarray(0, length)), String(length)).toMatch(/^der-(header|cut-short)$/)
      }
    }
  })

  it('survives any change of any byte', () => {
    const { der } = makeLeaf({ by: ca, key })
    let seed = 1
    const random = (below: number) => {
      seed = (seed * 48_271) % 2_147_483_647
      return seed % below
    }
    for (let round = 0; round < 20_000; round++) {
      const changed = Uint8Array.from(der)
      for (let changes = 1 + random(4); changes > 0; changes--) changed[random(der.length)] = random(256)
      const cut = random(8) === 0 ? changed.subarray(0, random(der.length)) : changed
      try {
        parseCertificate(cut)
      } catch (error) {
        expect(isCountersignError(error, 'certificate-invalid'), String(error)).toBe(true)
      }
    }
  })
})

describe('extensions', () => {
  it('a certificate that is no CA and bounds those below it is refused', () => {
    expect(stepWith(basicConstraints(integer(0)))).toBe('basic-constraints')
    expect(withExtensions(basicConstraints())).toMatchObject({ isCa: false })
    expect(withExtensions(basicConstraints(boolean(), integer(1, 0)))).toMatchObject({ isCa: true, pathLength: 255 })
    expect(stepWith(basicConstraints(boolean(), integer(0), integer(0)))).toBe('trailing-bytes')
    expect(stepWith(basicConstraints(boolean(0)))).toBe('flag')
  })

  it('an empty list of uses of a key is refused', () => {
    expect(stepWith(extendedKeyUsage())).toBe('extended-key-usage')
  })

  it('a URI or DNS name of a certificate with a byte that is not ASCII is refused', () => {
    for (const tag of [0x82, 0x86]) expect(stepWith(alternativeNames(element(tag, utf8('ä'))))).toBe('name-characters')
  })

  it('an alternative name of a kind that there is not is refused', () => {
    for (const tag of [0x80, 0x89, 0xa6, 0xa2, 0x06, 0x16]) {
      expect(stepWith(alternativeNames(uriName('a:b'), element(tag)))).toBe('alternative-names')
    }
    const others = [element(0x81, utf8('a@b')), element(0x87, new Uint8Array(4)), element(0xa4, sequence())]
    expect(withExtensions(alternativeNames(...others))).toMatchObject({ uris: [], dnsNames: [] })
  })

  it('a certificate of more than 256 alternative names is refused', () => {
    const names = Array.from({ length: 257 }, () => dnsName('a'))
    expect(withExtensions(alternativeNames(...names.slice(1))).dnsNames).toHaveLength(256)
    expect(stepWith(alternativeNames(...names))).toBe('alternative-names')
  })

  it('an empty list of alternative names is refused', () => {
    expect(stepWith(alternativeNames())).toBe('alternative-names')
  })

  it('a certificate with one extension twice is refused', () => {
    expect(stepWith(leafUsage, bothUses, leafUsage)).toBe('extension-twice')
    expect(stepWith(extension('1.2.3', new Uint8Array()), extension('1.2.3', new Uint8Array([5])))).toBe(
      'extension-twice',
    )
  })

  it('a certificate of more than 64 extensions is refused', () => {
    const many = Array.from({ length: 65 }, (_, i) => extension(`1.2.${i}`, new Uint8Array()))
    expect(withExtensions(...many.slice(1))).toMatchObject({ isCa: false })
    expect(stepWith(...many)).toBe('extensions')
  })

  it('a critical extension that is not understood is refused', () => {
    for (const name of ['1.2.3', '2.5.29.32', '2.5.29.36', '2.5.29.35']) {
      expect(stepWith(extension(name, sequence(), true))).toBe('critical-extension')
      expect(withExtensions(extension(name, sequence()))).toMatchObject({ isCa: false })
    }
  })

  it('refuses one that is not written as it has to be', () => {
    expect(stepWith(sequence(oid('1.2.3'), boolean(0), octetString()))).toBe('flag')
    expect(stepWith(sequence(oid('1.2.3'), octetString(), octetString()))).toBe('trailing-bytes')
    expect(stepWith(sequence(oid('1.2.3'), nothing()))).toBe('syntax')
    expect(stepWith(extension('2.5.29.15', concat(bitString(Uint8Array.of(0x80), 7), nothing()), true))).toBe(
      'trailing-bytes',
    )
    expect(stepWith(extension('2.5.29.15', bitString(Uint8Array.of(0x80)), true))).toBe('named-bits')
    expect(stepWith(extension('2.5.29.17', concat(sequence(uriName('a:b')), nothing())))).toBe('trailing-bytes')
    expect(stepWith(extension('2.5.29.37', concat(sequence(oid('1.2')), nothing())))).toBe('trailing-bytes')
    expect(stepWith(extension('2.5.29.19', concat(sequence(), nothing())))).toBe('trailing-bytes')
    expect(withExtensions(keyUsage([0, 8])).keyUsage).toBe(0x8080)
    expect(withExtensions(caUsage).keyUsage).toBe(0x0600)
  })
})

describe('keys and signatures', () => {
  const strength = (made: ReturnType<typeof ecKey>) => isStrong(parseCertificate(makeCa({ key: made }).der).key)

  it('tells strong keys from others', () => {
    for (const made of [key, ecKey('P-384'), ed25519Key(), rsa, rsaKey(2048, 3)]) expect(strength(made)).toBe(true)
    expect(strength(ecKey('P-521'))).toBe(false)
    expect(strength(rsaKey(1024))).toBe(false)
    const read = (spki: Uint8Array) => isStrong(parseCertificate(leaf({ parts: { spki } })).key)
    const point = (...bytes: Uint8Array[]) =>
      read(sequence(sequence(oid('1.2.840.10045.2.1'), oid('1.2.840.10045.3.1.7')), bitString(concat(...bytes))))
    expect(point(Uint8Array.of(4), new Uint8Array(64))).toBe(true)
    expect(point(Uint8Array.of(2), new Uint8Array(32))).toBe(false)
    expect(point(Uint8Array.of(2), new Uint8Array(64))).toBe(false)
    expect(point(Uint8Array.of(4), new Uint8Array(65))).toBe(false)
    expect(read(sequence(sequence(oid('1.3.101.112')), bitString(new Uint8Array(31))))).toBe(false)
    expect(read(sequence(sequence(oid('1.3.101.112'), nothing()), bitString(new Uint8Array(32))))).toBe(false)
    const modulus = (bytes: number, first = 0x80) => integer(0, first, ...new Uint8Array(bytes - 1).fill(1))
    const rsaOf = (n: Uint8Array, ...e: number[]) =>
      read(sequence(sequence(oid('1.2.840.113549.1.1.1'), nothing()), bitString(sequence(n, integer(...e)))))
    expect(rsaOf(modulus(256), 1, 0, 1)).toBe(true)
    expect(rsaOf(modulus(255, 0xff), 1, 0, 1)).toBe(false)
    expect(rsaOf(modulus(1024), 1, 0, 1)).toBe(true)
    expect(rsaOf(modulus(1025), 1, 0, 1)).toBe(false)
    for (const exponent of [[0], [1], [2], [1, 0, 0, 0, 1]]) expect(rsaOf(modulus(256), ...exponent)).toBe(false)
  })

  it('tells signatures that are accepted from others', () => {
    const signed = (signing: SigningName) => parseCertificate(makeLeaf({ key: rsa, signing }).der).signature
    const good = ['rsa-sha256', 'rsa-sha384', 'rsa-sha512', 'pss-sha256', 'pss-sha384', 'pss-sha512'] as const
    for (const signing of good) expect(signed(signing), signing).toBe('RSA')
    for (const signing of ['rsa-sha1', 'rsa-md5', 'pss-sha1', 'pss-short-salt'] as const) {
      expect(signed(signing), signing).toBeUndefined()
    }
    expect(parseCertificate(leaf({ signing: 'ecdsa-sha1' })).signature).toBeUndefined()
    for (const signing of ['ecdsa-sha256', 'ecdsa-sha384', 'ecdsa-sha512'] as const) {
      expect(parseCertificate(leaf({ signing })).signature).toBe('ECDSA')
    }
    expect(parseCertificate(makeLeaf({ key: ed25519Key() }).der).signature).toBe('Ed25519')
  })
})
