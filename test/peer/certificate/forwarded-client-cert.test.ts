import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { toBase64 } from '../../../src/core/base64url.ts'
import { isCountersignError } from '../../../src/core/errors.ts'
import { parseForwardedClientCert } from '../../../src/peer/certificate/forwarded-client-cert.ts'
import { parseXfcc } from '../../../src/peer/certificate/xfcc-field.ts'
import { refusal, refusalOf } from '../../core/refusal.ts'
import { makeCa, makeLeaf } from '../../support/certificate.ts'
import { vectorFile, vectorIt } from '../../vectors/load.ts'

const HASH = '468ed33be74eee6556d90c0149c1309e9ba61d6425303443c0748a02dd8de688'
const BY = 'spiffe://acme.test/ledger'
const URI = 'spiffe://acme.test/orders'
const WHOLE = `By=${BY};Hash=${HASH};URI=${URI}`

const ca = makeCa()
const { der } = makeLeaf({ by: ca })
const hashOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
const pem = (...list: readonly Uint8Array[]) =>
  list
    .map((bytes) => toBase64(bytes).replace(/.{64}/g, '$&\n').trimEnd())
    .map((text) => `-----BEGIN CERTIFICATE-----\n${text}\n-----END CERTIFICATE-----\n`)
    .join('')
const escaped = (...list: readonly Uint8Array[]) => `"${encodeURIComponent(pem(...list))}"`

const last = (field: string) => Object.fromEntries(parseXfcc(field))
const stepOf = (field: string) => {
  const { code, status, detail } = refusal(() => parseXfcc(field))
  expect([code, status]).toEqual(['certificate-invalid', 403])
  return detail.step
}
const meaningStepOf = async (field: string) => {
  const { code, detail } = await refusalOf(() => parseForwardedClientCert(field))
  expect(code).toBe('certificate-invalid')
  return detail.step
}

describe('X-Forwarded-Client-Cert', () => {
  it('gives the last element, with keys in any case and values as they are', () => {
    expect(last('By=http://a')).toEqual({ by: ['http://a'] })
    expect(last('bY=A;HASH=B;x-new=c,By=d')).toEqual({ by: ['d'] })
    expect(last('By=a;DNS=b;By=c;dns=d;URI=e;uri=f')).toEqual({ by: ['a', 'c'], dns: ['b', 'd'], uri: ['e', 'f'] })
    expect(last('Subject="";URI="a,b;c=d"')).toEqual({ subject: [''], uri: ['a,b;c=d'] })
    expect(last('Subject="O=\\"Acme\\", Inc;\\"";By=a')).toEqual({ subject: ['O="Acme", Inc;"'], by: ['a'] })
    expect(last('Subject="CN=Doe\\, John\\C3\\A4"')).toEqual({ subject: ['CN=Doe\\, John\\C3\\A4'] })
    expect(last('Subject="a,By=\\"b",By=c')).toEqual({ by: ['c'] })
  })

  vectorIt('reads the examples of its documentation', () => {
    const file = vectorFile('tokens-vectors.json') as { xfcc: { examples: string[] } }
    const [one, two, three] = file.xfcc.examples.map(last)
    const subject = ['/C=US/ST=CA/L=San Francisco/OU=Lyft/CN=Test Client']
    const [by, uri] = [['http://frontend.lyft.com'], ['http://testclient.lyft.com']]
    expect(one).toEqual({ by, hash: [HASH], subject, uri })
    const hash = ['9ba61d6425303443c0748a02dd8de688468ed33be74eee6556d90c0149c1309e']
    expect(two).toEqual({ by: ['http://backend.lyft.com'], hash, uri: by })
    expect(three).toEqual({ by, hash: [HASH], subject, uri, dns: ['lyft.com', 'www.lyft.com'] })
  })

  it('an X-Forwarded-Client-Cert field of more than 64 KiB is refused', () => {
    expect(stepOf(`By=${'a'.repeat(65_534)}`)).toBe('xfcc-size')
    expect(last(`By=${'a'.repeat(65_533)}`).by?.[0]).toHaveLength(65_533)
    expect(last(`${'By=a,'.repeat(13_000)}By=b`)).toEqual({ by: ['b'] })
    expect(last(`By="${'\\"'.repeat(32_000)}"`).by?.[0]).toBe('"'.repeat(32_000))
    expect(stepOf(`By="${'\\"'.repeat(32_700)}`)).toBe('xfcc-quotes')
  })

  it('an X-Forwarded-Client-Cert field with anything but printable ASCII is refused', () => {
    for (const field of ['By=ä', 'By="\t"', 'By=a\n', 'By="a\0"', '\u{feff}By=a', 'By="\x7f"']) {
      expect(stepOf(field)).toBe('xfcc-characters')
    }
  })

  it('a quoted value without an end is refused', () => {
    for (const field of ['By="', 'By="a', 'By="a\\"', 'By=a,By="', 'By="a;URI=b,By=c'])
      expect(stepOf(field)).toBe('xfcc-quotes')
  })

  it('a quoted value with two backslashes in a row, which have two readings, is refused', () => {
    for (const value of ['\\\\', 'a\\\\b', 'a\\\\";URI=b', '\\\\\\"']) {
      expect(stepOf(`Subject="${value}"`)).toBe('xfcc-backslash')
    }
  })

  it('a value that is empty, or begins with what has to be quoted, is refused', () => {
    for (const field of ['By=', 'By=;URI=a', 'By=,By=a', 'By==a', 'By= a', 'By=\\a', 'By= "a"']) {
      expect(stepOf(field), field).toBe('xfcc-value')
    }
  })

  it('an element or pair that does not begin with a key is refused', () => {
    const empty = ['', ',', ';', 'By=a,', 'By=a;', 'By=a,,By=b', 'By=a;;URI=b', ',By=a', 'By=a,;By=b']
    const spaced = [' By=a', 'By=a, By=b', 'By=a; URI=b', 'By =a']
    for (const field of [...empty, ...spaced, '=a', 'By', 'By:a', '1=a', '"By"=a', 'By=a,URI']) {
      expect(stepOf(field), field).toBe('xfcc-key')
    }
  })

  it('a value that is followed by something else than a pair or an element is refused', () => {
    for (const field of ['By=a ', 'By=a ,By=b', 'By=a ;URI=b', 'By="a"b', 'By="a" ', 'By=a=b', 'By=a"b"', 'By=a\\,b']) {
      expect(stepOf(field), field).toBe('xfcc-separator')
    }
  })

  it('a key that stands twice in an element, and may stand once, is refused', () => {
    for (const key of ['Hash', 'Cert', 'Chain', 'Subject', 'x-new']) {
      expect(stepOf(`${key}=a;By=b;${key.toLowerCase()}=a`)).toBe('xfcc-twice')
      expect(stepOf(`${key}=a;${key.toUpperCase()}=b,By=c`)).toBe('xfcc-twice')
      expect(last(`${key}=a,${key}=b`)).toEqual({ [key.toLowerCase()]: ['b'] })
    }
  })

  it('survives any field of its characters', () => {
    const pieces = ['By=', 'URI=', 'Hash=', '"', '\\', ',', ';', '=', ' ', 'a', HASH, URI, '%', '%0A', 'Cert=']
    let seed = 7
    const random = (below: number) => {
      seed = (seed * 48_271) % 2_147_483_647
      return seed % below
    }
    for (let round = 0; round < 20_000; round++) {
      const field = Array.from({ length: random(12) }, () => pieces[random(pieces.length)]).join('')
      try {
        void parseForwardedClientCert(field)
      } catch (error) {
        expect(isCountersignError(error, 'certificate-invalid'), `${field}: ${error}`).toBe(true)
      }
    }
  })
})

describe('the client that a proxy names', () => {
  it('is the one of the last element', async () => {
    const said = await parseForwardedClientCert(`By=x;URI=spiffe://acme.test/admin;Hash=${HASH},${WHOLE};By=spiffe://b`)
    expect(said).toEqual({ id: expect.objectContaining({ id: URI }), hash: HASH, by: [BY, 'spiffe://b'] })
    expect((await parseForwardedClientCert(WHOLE.replace(HASH, HASH.toUpperCase()))).hash).toBe(HASH)
  })

  it('a forwarded client without a URI, or with more than one, is refused', async () => {
    expect(await meaningStepOf(`By=${BY};Hash=${HASH}`)).toBe('xfcc-uri')
    expect(await meaningStepOf(`${WHOLE};URI=${URI}`)).toBe('xfcc-uri')
    expect(await meaningStepOf(`${WHOLE},By=${BY};Hash=${HASH}`)).toBe('xfcc-uri')
    for (const uri of ['http://acme.test/orders', 'spiffe://acme.test', '""', 'spiffe://acme.test/a%20b']) {
      expect(await meaningStepOf(WHOLE.replace(URI, uri))).toBe('identifier')
    }
  })

  it('a forwarded client without the hash of its certificate is refused', async () => {
    expect(await meaningStepOf(`By=${BY};URI=${URI}`)).toBe('xfcc-hash')
    for (const hash of [HASH.slice(1), `${HASH}0`, HASH.replace('4', 'g'), '""']) {
      expect(await meaningStepOf(WHOLE.replace(HASH, hash))).toBe('xfcc-hash')
    }
  })

  it('a forwarded client whose proxy does not name itself is refused', async () => {
    expect(await meaningStepOf(`Hash=${HASH};URI=${URI}`)).toBe('xfcc-by')
    expect(await meaningStepOf(WHOLE.replace(BY, '""'))).toBe('xfcc-by')
  })

  const withHash = (bytes = der) => `By=${BY};Hash=${hashOf(bytes)};URI=${URI}`

  it('comes with its certificate where the proxy forwards it', async () => {
    const cert = await parseForwardedClientCert(`${withHash()};Cert=${escaped(der)}`)
    expect(cert.shown).toEqual({ leaf: der, others: [] })
    const chain = await parseForwardedClientCert(`${withHash()};Chain=${escaped(der, ca.der)}`)
    expect(chain.shown).toEqual({ leaf: der, others: [ca.der] })
    const both = await parseForwardedClientCert(`${withHash()};Cert=${escaped(der)};Chain=${escaped(der, ca.der)}`)
    expect(both.shown).toEqual({ leaf: der, others: [ca.der] })
    const crlf = encodeURIComponent(pem(der).replace(/\n/g, '\r\n').trimEnd())
    expect((await parseForwardedClientCert(`${withHash()};Cert=${crlf}`)).shown).toEqual({ leaf: der, others: [] })
  })

  it('a forwarded certificate or chain that is not escaped PEM is refused', async () => {
    const text = pem(der)
    const values = [
      '""',
      '"%"',
      '"%zz"',
      '"%ff"',
      toBase64(der).slice(0, 20),
      escaped(der, der),
      `"${text.slice(0, 27)}"`,
    ]
    const broken = [
      `${text} `,
      `\n${text}`,
      text.replace('\n', '\n\n '),
      text.replace(/CERTIFICATE/g, 'X'),
      text.slice(1),
    ]
    for (const value of [...values, ...broken.map((one) => `"${encodeURIComponent(one)}"`)]) {
      expect(await meaningStepOf(`${withHash()};Cert=${value}`), value).toBe('xfcc-pem')
    }
    const many = escaped(...Array.from({ length: 12 }, () => der))
    expect(await meaningStepOf(`${withHash()};Chain=${many}`)).toBe('xfcc-pem')
  })

  it('a forwarded chain that does not begin with the forwarded certificate is refused', async () => {
    expect(await meaningStepOf(`${withHash()};Cert=${escaped(der)};Chain=${escaped(ca.der, der)}`)).toBe('xfcc-chain')
  })

  it('a forwarded certificate of another hash than is forwarded with it is refused', async () => {
    expect(await meaningStepOf(`${WHOLE};Cert=${escaped(der)}`)).toBe('xfcc-hash')
    expect(await meaningStepOf(`${withHash()};Chain=${escaped(ca.der, der)}`)).toBe('xfcc-hash')
  })

  it('a forwarded certificate with another URI than is forwarded with it is refused', async () => {
    const other = makeLeaf({ by: ca, uris: ['spiffe://acme.test/admin'] }).der
    expect(await meaningStepOf(`${withHash(other)};Cert=${escaped(other)}`)).toBe('xfcc-uri')
    const two = makeLeaf({ by: ca, uris: [URI, 'spiffe://acme.test/admin'] }).der
    expect(await meaningStepOf(`${withHash(two)};Cert=${escaped(two)}`)).toBe('xfcc-uri')
    const cut = der.subarray(0, 100)
    expect(await meaningStepOf(`${withHash(cut)};Cert=${escaped(cut)}`)).toBe('der-cut-short')
  })
})
