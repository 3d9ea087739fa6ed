import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseWorkloadId, readWorkloadId } from '../../src/identity/workload-id.ts'
import { refusal } from '../core/refusal.ts'

const refused = (fix: RegExp, ...ids: string[]) => {
  for (const id of ids) {
    expect(readWorkloadId(id), id).toBeUndefined()
    const error = refusal(() => parseWorkloadId(id))
    expect(error.code, id).toBe('option-invalid')
    expect(error.detail.fix, id).toMatch(fix)
  }
}

describe('parseWorkloadId', () => {
  it('takes an identifier apart and keeps it as it was written', () => {
    expect(parseWorkloadId('spiffe://acme.internal/ns/Prod_1/sa-x.y')).toEqual({
      id: 'spiffe://acme.internal/ns/Prod_1/sa-x.y',
      scheme: 'spiffe',
      trustDomain: 'acme.internal',
      path: '/ns/Prod_1/sa-x.y',
      origin: 'spiffe://acme.internal',
    })
    expect(parseWorkloadId('wimse://a-1_b.test')).toMatchObject({ path: '', origin: 'wimse://a-1_b.test' })
    expect(parseWorkloadId("x+y-z.1://a.test/%C3%A4/~!$&'()*+,;=:@/").scheme).toBe('x+y-z.1')
    expect(Object.isFrozen(readWorkloadId('spiffe://acme.internal/a'))).toBe(true)
  })

  it('tells one trust domain under two schemes apart', () => {
    const [spiffe, wimse] = [readWorkloadId('spiffe://a.test/x'), readWorkloadId('wimse://a.test/x')]
    expect(spiffe?.trustDomain).toBe(wimse?.trustDomain)
    expect(spiffe?.origin).not.toBe(wimse?.origin)
  })

  it('an identifier longer than 2048 characters is refused', () => {
    const base = 'spiffe://a.test/'
    refused(/2048/, base.padEnd(2049, 'a'))
    expect(readWorkloadId(base.padEnd(2048, 'a'))?.id).toHaveLength(2048)
  })

  it('an identifier with anything but printable ASCII is refused', () => {
    refused(/ASCII/, '', 'spiffe://a.test/a b', 'spiffe://a.test/ä', 'spiffe://a.test/a\n', '\0spiffe://a.test/a', ' ')
  })

  it('an identifier with a query or a fragment is refused', () => {
    refused(
      /query/,
      'wimse://a.test/x?',
      'wimse://a.test/x?y=1',
      'wimse://a.test/x#',
      'wimse://a.test?x',
      'wimse://#/x',
    )
  })

  it('an identifier that does not begin with a lower-case scheme is refused', () => {
    refused(/scheme/, 'SPIFFE://a.test/x', 'Wimse://a.test/x', '://a.test/x', '1x://a.test/x', '/a/b', 'anonymous')
    refused(/scheme/, 'spiffe:/a.test/x', 'spiffe:a.test/x', 'a.test/x', 'spi_ffe://a.test/x', 'a/b://c/d')
  })

  it('an identifier without a trust domain is refused', () => {
    refused(/no trust domain/, 'wimse://', 'wimse:///x', 'spiffe:///x')
  })

  it('an identifier with user information or a port is refused', () => {
    refused(
      /port/,
      'wimse://u@a.test/x',
      'wimse://a.test:80/x',
      'wimse://u:p@a.test/x',
      'wimse://[::1]/x',
      'wimse://a:/x',
    )
  })

  it('a trust domain longer than 255 characters is refused', () => {
    const label = 'a'.repeat(50)
    const domain = Array.from({ length: 5 }, () => label).join('.')
    refused(/255/, `wimse://${domain}.b/x`)
    expect(readWorkloadId(`wimse://${domain}/x`)?.trustDomain).toHaveLength(254)
  })

  it('a trust domain that is not labels of a-z, 0-9, hyphen and underscore is refused', () => {
    refused(/labels/, 'spiffe://A.test/x', 'wimse://A.test/x', 'spiffe://a%2Etest/x', 'spiffe://a..test/x')
    refused(
      /labels/,
      'spiffe://.a.test/x',
      'spiffe://a.test./x',
      'spiffe://a*.test/x',
      'spiffe://a\\b/x',
      'wimse://[1]/',
    )
  })

  it('an IP address as trust domain is refused', () => {
    refused(/IP address/, 'spiffe://10.0.0.1/x', 'wimse://127.1/x', 'wimse://2130706433/x', 'wimse://a.0x7f/x')
    expect(readWorkloadId('spiffe://10.0.0.1.test/x')?.trustDomain).toBe('10.0.0.1.test')
  })

  it('a SPIFFE identifier without a path is refused', () => {
    refused(/no path/, 'spiffe://a.test', 'spiffe://a.test/')
  })

  it('a path that is not what its scheme allows is refused', () => {
    refused(/characters/, 'spiffe://a.test/a/', 'spiffe://a.test//a', 'spiffe://a.test/a//b', 'spiffe://a.test/%41')
    refused(/characters/, 'spiffe://a.test/a:b', 'spiffe://a.test/a@b', 'spiffe://a.test/a~b', 'spiffe://a.test/a*')
    refused(/characters/, 'wimse://a.test/a"b', 'wimse://a.test/a\\b', 'wimse://a.test/%4', 'wimse://a.test/{a}')
  })

  it('an identifier with a dot segment is refused', () => {
    refused(/dot segment/, 'spiffe://a.test/a/../b', 'spiffe://a.test/.', 'wimse://a.test/..', 'wimse://a.test/./b')
    expect(readWorkloadId('spiffe://a.test/.../..a/b.')?.path).toBe('/.../..a/b.')
  })

  it('refuses what is no string', () => {
    // What JavaScript callers may give.
    expect(refusal(() => parseWorkloadId(undefined as unknown as string)).code).toBe('option-invalid')
  })

  it('reads every identifier as what it is put together from', () => {
    const characters = fc.constantFrom(...'ab01.-_/:@%?#A* ')
    fc.assert(
      fc.property(fc.string({ unit: characters, maxLength: 20 }), (rest) => {
        const id = `spiffe://a${rest}`
        const found = readWorkloadId(id)
        if (found === undefined) return
        expect(`${found.scheme}://${found.trustDomain}${found.path}`).toBe(id)
        expect(new URL(id).href).toBe(id)
      }),
      { numRuns: 2000 },
    )
  })
})
