import { describe, expect, it } from 'vitest'
import { parseRoute } from '../../src/policy/route.ts'
import { refusal } from '../core/refusal.ts'

function expectRefused(pattern: string, fix: RegExp | string): void {
  const error = refusal(() => parseRoute(pattern))
  expect(error.code).toBe('policy-invalid')
  expect(error.detail.fix).toMatch(fix)
}

describe('parseRoute', () => {
  it('reads method, segments, parameters and a final asterisk', () => {
    expect(parseRoute('POST /charges')).toEqual({ method: 'POST', segments: ['charges'], isPrefix: false })
    expect(parseRoute('* /a/:id/b/*')).toEqual({ method: '*', segments: ['a', null, 'b'], isPrefix: true })
    expect(parseRoute('GET /')).toEqual({ method: 'GET', segments: [''], isPrefix: false })
    expect(parseRoute('GET /*')).toEqual({ method: 'GET', segments: [], isPrefix: true })
    expect(parseRoute('M-SEARCH /a/')).toEqual({ method: 'M-SEARCH', segments: ['a', ''], isPrefix: false })
    expect(parseRoute('GET /a:b')).toEqual({ method: 'GET', segments: ['a:b'], isPrefix: false })
  })

  it('a route whose method is neither an asterisk nor in upper case is refused', () => {
    for (const pattern of ['', '/a', ' /a', 'get /a', 'Get /a', 'GET,POST /a', '** /a', 'GET', '-A /a', 'GÄT /a']) {
      expectRefused(pattern, /method in upper case/)
    }
  })

  it('a route for HEAD is refused', () => {
    expectRefused('HEAD /a', 'write GET: HEAD is decided as GET')
  })

  it('a route with a query is refused', () => {
    for (const path of ['/a?b', '/a?', '/?x=1']) expectRefused(`GET ${path}`, /leave the query out/)
  })

  it('a route whose path no call can have is refused', () => {
    for (const path of [
      '',
      'a',
      ' /a',
      '/a b',
      '//a',
      '/a//b',
      '/./a',
      '/a/..',
      '/%61',
      '/%2f',
      '/%2F',
      '/%',
      '/ä',
      '/a#b',
      '/a\\b',
    ]) {
      expectRefused(`GET ${path}`, /in its one spelling/)
    }
  })

  it('a route with an asterisk anywhere but in a last segment of its own is refused', () => {
    for (const path of ['/a*', '/*a', '/*/a', '/a/**', '/*/*', '/*/', '/:a*']) {
      expectRefused(`GET ${path}`, /asterisk may only stand alone/)
    }
  })

  it('a route with a colon that names no parameter is refused', () => {
    for (const path of ['/:', '/:1a', '/:a-b', '/a/:/b', '/::a', '/:a:b']) expectRefused(`GET ${path}`, /parameter/)
  })
})
