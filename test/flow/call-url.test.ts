import { describe, expect, it } from 'vitest'
import { locate, locateUrl } from '../../src/flow/call-url.ts'

const ORIGINS = ['https://ledger.test', 'http://127.0.0.1:8080', 'http://[::1]:8080', 'https://xn--bcher-kva.example']
const REST = [
  '',
  '/',
  '/entries',
  '/entries/42/part-1_~x',
  '/entries?since=1',
  '/entries#part',
  '/a/../b',
  '/a/./b',
  '/.hidden',
  '/a/.',
  '/a/..',
  '/a//b',
  '//elsewhere.test/x',
  '/%2e%2e/x',
  '/a%20b',
  '/a b',
  '/\tentries',
  '/entries\n',
  '/entries ',
  '/a\\b',
  '/ü',
  '/a|b',
  '@elsewhere.test/x',
  ':443/x',
  '\\x',
]

function outcome(read: () => unknown): unknown {
  try {
    return read()
  } catch (error) {
    const code = (error as { code?: string }).code
    return code === 'ERR_INVALID_URL' ? 'option-invalid' : code
  }
}

describe('where a call goes', () => {
  // The first call to an origin makes it known; from then on it is not parsed again.
  for (const origin of ORIGINS) locate(`${origin}/first`, undefined)

  it.each(ORIGINS.flatMap((origin) => REST.map((rest) => [origin + rest])))('%j is what a URL makes of it', (input) => {
    expect(outcome(() => locate(input, undefined))).toEqual(outcome(() => locateUrl(new URL(input))))
  })

  it.each(REST)('%j below a base is what a URL makes of it', (rest) => {
    for (const origin of ORIGINS) {
      for (const base of [origin, `${origin}/`, `${origin}/v1`, `${origin}/v1/`]) {
        expect(outcome(() => locate(rest, base))).toEqual(outcome(() => locateUrl(new URL(rest, base))))
      }
    }
  })

  it('is read anew from what only looks like a known origin', () => {
    for (const input of [
      'HTTPS://ledger.test/x',
      'https://LEDGER.test/x',
      'https:ledger.test/x',
      ' https://ledger.test/x',
    ]) {
      expect(locate(input, undefined).url.href).toBe('https://ledger.test/x')
    }
    expect(outcome(() => locate('https://user@ledger.test/x', undefined))).toBe('option-invalid')
    expect(outcome(() => locate('/x', undefined))).toBe('option-invalid')
  })
})
