import { describe, expect, it } from 'vitest'
import { namesHost } from '../../src/identity/certificate-host.ts'

const named = (dnsNames: string[], hostname: string, addresses: string[] = []) =>
  namesHost({ dnsNames, addresses }, hostname)

describe('the host that a certificate names', () => {
  it('is a DNS name, whatever its case and the dot at the end of the host', () => {
    expect(named(['other.test', 'Ledger.TEST'], 'ledger.test')).toBe(true)
    expect(named(['ledger.test'], 'ledger.test.')).toBe(true)
    expect(named(['ledger'], 'ledger')).toBe(true)
    for (const host of ['ledger.test.evil', 'a.ledger.test', 'edger.test', 'test', 'ledger'])
      expect(named(['ledger.test'], host)).toBe(false)
  })

  it('is any first label where that is a star, and nothing else', () => {
    expect(named(['*.acme.test'], 'ledger.acme.test')).toBe(true)
    for (const host of ['acme.test', 'a.b.acme.test', '.acme.test', '*', 'ledger.acme.test.evil'])
      expect(named(['*.acme.test'], host)).toBe(false)
    for (const name of ['*', '*.', 'l*.acme.test', '*r.acme.test', 'ledger.*.test', '*.*.test', '*.*'])
      expect(named([name], 'ledger.acme.test')).toBe(false)
  })

  it('is an address, and never one that is written as a name', () => {
    expect(named([], '127.0.0.1', ['7f000001'])).toBe(true)
    expect(named([], '[::1]', ['00000000000000000000000000000001'])).toBe(true)
    expect(named([], '[2001:db8::1:0:0:1]', ['20010db8000000000001000000000001'])).toBe(true)
    for (const address of ['7f000002', '7f0000', '', '0000000000000000000000007f000001'])
      expect(named([], '127.0.0.1', [address])).toBe(false)
    expect(named(['127.0.0.1'], '127.0.0.1')).toBeUndefined()
  })

  it('is not told by a certificate without names of its kind', () => {
    expect(named([], 'ledger.test', ['7f000001'])).toBeUndefined()
    expect(named(['ledger.test'], '[::1]')).toBeUndefined()
  })
})
