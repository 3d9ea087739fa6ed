import { describe, expect, it } from 'vitest'
import { messageOf, requestOf } from '../../src/signature/message-input.ts'
import { refused } from './refusal.ts'

const at = (url: string) => {
  const { scheme, authority, target } = requestOf({ method: 'GET', url, headers: [] })
  return [scheme, authority, target]
}

describe('messages as they are given', () => {
  it('keep the spelling of their URL', () => {
    expect(at('https://Example.com:443/a/../b?c=%7e#d')).toEqual(['https', 'Example.com:443', '/a/../b?c=%7e'])
    expect(at('http://x')).toEqual(['http', 'x', '/'])
    expect(at('http://x?q=/#f')).toEqual(['http', 'x', '/?q=/'])
    expect(at('http://[::1]:80/a')).toEqual(['http', '[::1]:80', '/a'])
    expect(requestOf({ method: 'OPTIONS', url: 'http://x/', headers: [], target: '*' }).target).toBe('*')
  })

  it('a message whose URL is not absolute, or names a user, is neither signed nor verified', () => {
    for (const url of ['', '/a', 'x.test/a', '://x', 'http:///a', 'http://u:p@x/', 'http://?a']) {
      expect(refused(() => at(url))[0], url).toBe('option-invalid')
    }
    expect(at('http://x/a@b')).toEqual(['http', 'x', '/a@b'])
  })

  it('may be those of fetch', () => {
    const request = messageOf(new Request('https://x.test/a?b', { method: 'PUT', headers: { 'X-A': '1' }, body: 'c' }))
    expect(request).toMatchObject({ method: 'PUT', scheme: 'https', authority: 'x.test', target: '/a?b' })
    expect(request.fields.get('x-a')).toBe('1')
    const headers = new Headers([
      ['Set-Cookie', 'a=1'],
      ['Set-Cookie', 'b=2'],
    ])
    const response = messageOf(new Response('x', { status: 202, headers }))
    expect(response).toMatchObject({ status: 202 })
    expect(response.fields.all('set-cookie')).toEqual(['a=1', 'b=2'])
  })

  it('have trailers where they are given', () => {
    const trailers = [['Expires', 'x']] as const
    expect(messageOf({ status: 200, headers: [], trailers }).trailers?.get('expires')).toBe('x')
    expect(messageOf({ method: 'GET', url: 'http://x', headers: [], trailers }).trailers?.get('expires')).toBe('x')
    expect(messageOf({ status: 200, headers: [] })).not.toHaveProperty('trailers')
  })
})
