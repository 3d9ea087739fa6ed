import { describe, expect, it } from 'vitest'
import { utf8 } from '../../src/core/bytes.ts'
import { readNameConstraints } from '../../src/identity/name-constraints.ts'
import { refusal } from '../core/refusal.ts'
import { dnsName, uriName } from '../support/certificate.ts'
import { element, explicit, integer, sequence } from '../support/der.ts'

const stepOf = (value: Uint8Array) => {
  const { code, detail } = refusal(() => readNameConstraints(value))
  expect(code).toBe('certificate-invalid')
  return detail.step
}
const permitted = (...subtrees: readonly Uint8Array[]) => sequence(explicit(0, ...subtrees))

describe('name constraints', () => {
  it('are read with hosts in lower case', () => {
    const value = sequence(
      explicit(0, sequence(uriName('.Acme.test')), sequence(dnsName('acme.test'))),
      explicit(1, sequence(element(0x87, new Uint8Array(8)))),
    )
    expect(readNameConstraints(value)).toEqual({
      permitted: [
        { kind: 0x86, host: '.acme.test' },
        { kind: 0x82, host: 'acme.test' },
      ],
      excluded: [{ kind: 0x87, host: '' }],
    })
    expect(stepOf(sequence(explicit(1, sequence(dnsName('a'))), explicit(0, sequence(dnsName('a')))))).toBe(
      'trailing-bytes',
    )
  })

  it('a name constraint with bounds on its depth is refused', () => {
    expect(stepOf(permitted(sequence(dnsName('a'), element(0x81, Uint8Array.of(1)))))).toBe('name-constraints')
  })

  it('a name constraint on another kind of name than URIs, DNS names and addresses is refused', () => {
    for (const name of [
      element(0x81, utf8('a')),
      element(0xa4, sequence()),
      element(0xa0),
      element(0x88),
      integer(1),
    ]) {
      expect(stepOf(permitted(sequence(name)))).toBe('name-constraints')
    }
  })

  it('a name constraint that is not the name of a host or domain is refused', () => {
    for (const host of ['', '.', 'a..b', 'a.', '*.a', 'spiffe://a', 'a/b', 'ä', 'a\0', '..a', 'a'.repeat(300)].slice(
      0,
      10,
    )) {
      expect(stepOf(permitted(sequence(uriName(host)))), host).toBe('name-constraints')
      expect(stepOf(permitted(sequence(dnsName(host)))), host).toBe('name-constraints')
    }
    expect(stepOf(permitted(sequence(dnsName('.acme.test'))))).toBe('name-constraints')
  })

  it('a list of name constraints that is empty, or longer than 32, is refused', () => {
    expect(stepOf(permitted())).toBe('name-constraints')
    const many = Array.from({ length: 33 }, () => sequence(dnsName('a')))
    expect(readNameConstraints(permitted(...many.slice(1))).permitted).toHaveLength(32)
    expect(stepOf(permitted(...many))).toBe('name-constraints')
  })
})
