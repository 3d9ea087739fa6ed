import { describe, expect, it } from 'vitest'
import { compileCaller, matchesCaller } from '../../src/identity/match.ts'
import { anonymous } from '../../src/identity/peer.ts'
import { refusal } from '../core/refusal.ts'

const refused = (...patterns: string[]) => {
  for (const pattern of patterns) {
    expect(refusal(() => compileCaller(pattern)).code, pattern).toBe('option-invalid')
  }
}

describe('matchesCaller', () => {
  it('matches an identifier with itself alone', () => {
    const orders = 'spiffe://acme.internal/orders'
    expect(matchesCaller(orders, orders)).toBe(true)
    for (const id of [
      'spiffe://acme.internal/order',
      `${orders}/x`,
      `${orders}x`,
      'wimse://acme.internal/orders',
      '',
    ]) {
      expect(matchesCaller(orders, id), id).toBe(false)
    }
    expect(matchesCaller('api-key:billing', 'api-key:billing')).toBe(true)
    expect(matchesCaller('https://login.test:8443/u-1', 'https://login.test:8443/u-1')).toBe(true)
  })

  it('matches one asterisk with exactly one segment', () => {
    const matches = compileCaller('spiffe://acme.internal/ns/*')
    expect(matches('spiffe://acme.internal/ns/a')).toBe(true)
    for (const rest of ['', '/', '/ns', '/ns/', '/ns/a/', '/ns/a/b', '/nsx/a', '/other/a']) {
      expect(matches(`spiffe://acme.internal${rest}`), rest).toBe(false)
    }
    expect(matchesCaller('spiffe://acme.internal/*', 'spiffe://acme.internal.evil/a')).toBe(false)
    expect(matchesCaller('https://login.test:8443/*', 'https://login.test:8443/u-1')).toBe(true)
  })

  it('matches two asterisks with one segment or more', () => {
    const matches = compileCaller('spiffe://acme.internal/**')
    for (const rest of ['/a', '/a/b', '/a/b/c']) expect(matches(`spiffe://acme.internal${rest}`), rest).toBe(true)
    for (const rest of ['', '/', '//a', '/a/', '/a//b', '.evil/a']) {
      expect(matches(`spiffe://acme.internal${rest}`), rest).toBe(false)
    }
  })

  it('a caller pattern that is empty, too long or not printable ASCII is refused', () => {
    refused('', ' ', 'spiffe://acme.internal/ä', 'spiffe://acme.internal/a b', 'api-key:'.padEnd(2049, 'a'))
    refused(undefined as unknown as string, 1 as unknown as string)
  })

  it('a caller pattern with an asterisk anywhere but in a last segment of its own is refused', () => {
    refused(
      '*',
      '**',
      '/*',
      'spiffe://*',
      'spiffe://**',
      'spiffe://*/a',
      'spiffe://acme.*/a',
      'spiffe://acme.internal*',
    )
    refused('spiffe://acme.internal/a*', 'spiffe://acme.internal/*/a', 'spiffe://acme.internal/**/a')
    refused('spiffe://acme.internal/***', 'spiffe://acme.internal/*/*', 'spiffe://acme.internal//*', 'api-key:*', '*/*')
  })

  it('a caller pattern that no workload identifier can match is refused', () => {
    refused(
      'spiffe://acme.internal',
      'spiffe://Acme.internal/a',
      'SPIFFE://acme.internal/a',
      'spiffe://acme.internal/a/',
    )
    refused('spiffe://Acme.internal/*', 'wimse://10.0.0.1/**', 'wimse://acme.internal:80/*', 'spiffe:acme/a')
  })

  it('no pattern but "anonymous" itself matches an anonymous caller', () => {
    expect(matchesCaller('anonymous', anonymous.id)).toBe(true)
    for (const pattern of ['spiffe://acme.internal/*', 'spiffe://acme.internal/**', 'anonymous2', 'x://anonymous/**']) {
      expect(matchesCaller(pattern, anonymous.id), pattern).toBe(false)
    }
    expect(matchesCaller('anonymous', 'spiffe://acme.internal/a')).toBe(false)
    expect(matchesCaller('anonymous', 'anonymous/')).toBe(false)
  })
})
