import { describe, expect, it } from 'vitest'
import { Fields, type HttpRequest } from '../../src/core/message.ts'
import { parseComponent } from '../../src/signature/component.ts'
import { derivedValue } from '../../src/signature/derived.ts'
import { refused } from './refusal.ts'

function at(target: string, more: Partial<HttpRequest> = {}): HttpRequest {
  return { method: 'GET', target, scheme: 'HTTPS', authority: 'Example.COM:443', fields: new Fields([]), ...more }
}

const value = (name: string, request: HttpRequest) => derivedValue(parseComponent(name), request)

describe('derived components', () => {
  it('keep the case of the method, and no case of scheme and authority', () => {
    expect(value('@method', at('/', { method: 'get' }))).toBe('get')
    expect(value('@scheme', at('/'))).toBe('https')
    expect(value('@authority', at('/'))).toBe('example.com')
  })

  it('leave out the default port alone', () => {
    expect(value('@authority', at('/', { authority: 'a:80' }))).toBe('a:80')
    expect(value('@authority', at('/', { authority: 'a:80', scheme: 'http' }))).toBe('a')
    expect(value('@authority', at('/', { authority: 'a:8443' }))).toBe('a:8443')
    expect(value('@authority', at('/', { authority: 'a:443', scheme: undefined }))).toBe('a:443')
  })

  it('split every form of the request target', () => {
    const parts = (target: string) =>
      ['@path', '@query', '@target-uri', '@request-target'].map((name) => value(name, at(target)))
    expect(parts('/a%2Fb?c=d?e')).toEqual(['/a%2Fb', '?c=d?e', 'https://example.com/a%2Fb?c=d?e', '/a%2Fb?c=d?e'])
    expect(parts('/')).toEqual(['/', '?', 'https://example.com/', '/'])
    expect(parts('/a?')).toEqual(['/a', '?', 'https://example.com/a?', '/a?'])
    expect(parts('http://x.test?q=/')).toEqual(['/', '?q=/', 'http://x.test?q=/', 'http://x.test?q=/'])
    expect(parts('http://x.test')).toEqual(['/', '?', 'http://x.test', 'http://x.test'])
    expect(parts('/go?to=http://x.test/a')).toEqual([
      ...['/go', '?to=http://x.test/a', 'https://example.com/go?to=http://x.test/a', '/go?to=http://x.test/a'],
    ])
    expect(parts('*')).toEqual(['/', '?', 'https://example.com', '*'])
    expect(parts('example.com:443')).toEqual(['/', '?', 'https://example.com', 'example.com:443'])
  })

  it('have no value where nobody said what it is', () => {
    const bare = at('/', { scheme: undefined, authority: undefined })
    for (const name of ['@scheme', '@authority', '@target-uri']) {
      expect(refused(() => value(name, bare))[0], name).toBe('proof-invalid')
    }
    expect(refused(() => value('@authority', at('/', { authority: '' })))).toEqual(['proof-invalid', '@authority'])
    expect(refused(() => value('@status', at('/')))).toEqual(['proof-invalid', '@status'])
  })

  it('encode a query parameter in one way', () => {
    const target = `/?a=b+c&d%20e=%66&mark=!'()~*-._&empty=&none`
    const param = (name: string) => value(`"@query-param";name="${name}"`, at(target))
    expect(param('a')).toBe('b%20c')
    expect(param('d%20e')).toBe('f')
    expect(param('mark')).toBe('%21%27%28%29%7E*-._')
    expect([param('empty'), param('none')]).toEqual(['', ''])
  })

  it('a query parameter that is not there exactly once has no value to cover', () => {
    const param = (target: string) => refused(() => value('"@query-param";name="a"', at(target)))
    for (const target of ['/', '/?b=1', '/?a=1&a=1', '/?a=1&%61=2', '/a=1']) {
      expect(param(target), target).toEqual(['proof-invalid', '@query-param'])
    }
  })

  it('a query parameter that is not UTF-8 has no value to cover', () => {
    expect(refused(() => value('"@query-param";name="a"', at('/?a=%FF')))).toEqual(['proof-invalid', '@query-param'])
  })
})
