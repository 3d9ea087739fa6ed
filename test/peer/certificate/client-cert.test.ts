import { describe, expect, it } from 'vitest'
import { fromBase64, toBase64 } from '../../../src/core/base64url.ts'
import { parseClientCert } from '../../../src/peer/certificate/client-cert.ts'
import { refusal } from '../../core/refusal.ts'
import { makeCa, makeLeaf } from '../../support/certificate.ts'
import { vectorFile, vectorIt } from '../../vectors/load.ts'

const ca = makeCa()
const { der } = makeLeaf({ by: ca })
const item = (bytes: Uint8Array) => `:${toBase64(bytes)}:`
const [leafField, caField] = [item(der), item(ca.der)]
const stepOf = (field: string | undefined, chain?: string) => {
  const { code, status, detail } = refusal(() => parseClientCert(field, chain))
  expect([code, status]).toEqual(['certificate-invalid', 403])
  return detail.step
}

describe('Client-Cert', () => {
  it('gives the certificate and its chain, and nothing where neither came', () => {
    expect(parseClientCert(undefined, undefined)).toBeUndefined()
    expect(parseClientCert(leafField, undefined)).toEqual({ leaf: der, others: [] })
    expect(parseClientCert(` ${leafField} `, `${caField},\t ${leafField}`)).toEqual({
      leaf: der,
      others: [ca.der, der],
    })
    expect(parseClientCert(leafField, '')).toEqual({ leaf: der, others: [] })
  })

  vectorIt('reads the fields of RFC 9440', () => {
    const file = vectorFile('tokens-vectors.json') as { client_cert_rfc9440: Record<string, string> }
    const { client_cert_header, client_cert_chain_header, ...given } = file.client_cert_rfc9440
    const bytes = (name: string) => fromBase64(given[name] ?? '')
    expect(parseClientCert(client_cert_header, client_cert_chain_header)).toEqual({
      leaf: bytes('leaf_b64_der'),
      others: [bytes('intermediate_b64_der'), bytes('root_b64_der')],
    })
  })

  it('a forwarded certificate that is not one byte sequence is refused', () => {
    const wrong = [
      '',
      ':',
      toBase64(der),
      `"${toBase64(der)}"`,
      `${leafField}, ${leafField}`,
      `(${leafField})`,
      '1',
      '?1',
    ]
    for (const field of [...wrong, `${leafField}x`, ':AB==:', ': AAAA:', ':AAA:', ':-_-_:']) {
      expect(stepOf(field), field).toBe('client-cert')
    }
    for (const chain of ['a', `${caField}, "x"`, `(${caField})`, `${caField}, ()`]) {
      expect(stepOf(leafField, chain), chain).toBe('client-cert')
    }
  })

  it('a forwarded certificate with parameters is refused', () => {
    expect(stepOf(`${leafField};a`)).toBe('client-cert')
    expect(stepOf(leafField, `${caField}, ${caField};a=1`)).toBe('client-cert')
  })

  it('a chain of a certificate that did not come is refused', () => {
    expect(stepOf(undefined, caField)).toBe('client-cert-chain')
    expect(stepOf(undefined, '')).toBe('client-cert-chain')
  })

  it('a Client-Cert-Chain field that is no list, or one of more than ten members, is refused', () => {
    for (const chain of [`${caField},`, `${caField} ${caField}`, ',', '=', `${caField},,${caField}`]) {
      expect(stepOf(leafField, chain), chain).toBe('client-cert-chain')
    }
    const many = Array.from({ length: 11 }, () => ':AAAA:')
    expect(stepOf(leafField, many.join(', '))).toBe('client-cert-chain')
    expect(parseClientCert(leafField, many.slice(1).join(', '))?.others).toHaveLength(10)
    expect(stepOf(leafField, Array(13_000).fill('::').join(', '))).toBe('client-cert-chain')
  })

  it('a Client-Cert field of more than 64 KiB is refused', () => {
    const field = (bytes: number) => `:${'A'.repeat(bytes - 2)}:`
    expect(stepOf(field(65_538))).toBe('client-cert-size')
    expect(parseClientCert(field(65_534), undefined)?.leaf).toHaveLength(49_149)
    expect(stepOf(`:${'A'.repeat(65_535)}`)).toBe('client-cert')
  })

  it('a Client-Cert-Chain field of more than 64 KiB is refused', () => {
    expect(stepOf(leafField, `:${'A'.repeat(65_536)}:`)).toBe('client-cert-size')
  })
})
