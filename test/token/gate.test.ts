import { describe, expect, it } from 'vitest'
import { toBase64url } from '../../src/core/base64url.ts'
import { utf8 } from '../../src/core/bytes.ts'
import { gateToken } from '../../src/token/gate.ts'

const part = (text: string) => toBase64url(utf8(text))
const token = (header: string, claims: string) => `${part(header)}.${part(claims)}.${part('signature')}`
const refused = (step: string) => expect.objectContaining({ code: 'token-malformed', detail: { step } })

describe('gateToken', () => {
  it('gives header and claims, frozen to the bottom', () => {
    const { header, claims } = gateToken(token('{"alg":"ES256"}', '{"cnf":{"jwk":{"x":"1"}},"list":[{"a":1}]}'))
    expect(header).toEqual({ alg: 'ES256' })
    expect(claims).toEqual({ cnf: { jwk: { x: '1' } }, list: [{ a: 1 }] })
    const list = claims.list as { a: number }[]
    expect([claims, claims.cnf, list, list[0]].every(Object.isFrozen)).toBe(true)
  })

  it('a token longer than 8 KiB is refused', () => {
    const claims = (length: number) => `{"a":"${'x'.repeat(length)}"}`
    const longest = token('{}', claims(6099))
    expect(longest.length).toBeGreaterThan(8100)
    expect(() => gateToken(longest)).not.toThrow()
    expect(() => gateToken(token('{}', claims(6200)))).toThrow(refused('size'))
  })

  it('a token that is not three base64url segments is refused', () => {
    const good = token('{}', '{"a":1}')
    const [header = '', claims = '', signature = ''] = good.split('.')
    const spellings = [
      '',
      '..',
      `${header}.${claims}`,
      `${header}.${claims}.`,
      `.${claims}.${signature}`,
      `${good}.${signature}`,
      `${good}=`,
      `${good} `,
      ` ${good}`,
      `${good}\n`,
      `${good}\r\n`,
      `${header}. ${claims}.${signature}`,
      `${good.slice(0, 5)} ${good.slice(5)}`,
      `${good},${good}`,
      `${good}, ${good}`,
      `${good.slice(0, -1)}+`,
      `${good.slice(0, -1)}/`,
      `${good.slice(0, -1)}é`,
      `"${good}"`,
      `{"payload":"${claims}"}`,
    ]
    for (const spelling of spellings) expect(() => gateToken(spelling), spelling).toThrow(refused('segments'))
  })

  it('a token with stray bits at the end of a segment is refused', () => {
    const [header = '', claims = ''] = token('{}', '{"a":1}').split('.')
    expect(() => gateToken(`${header}.${claims}.AA`)).not.toThrow()
    for (const tail of ['AB', 'AP', 'AAB', 'A', 'AAAAA']) {
      expect(() => gateToken(`${header}.${claims}.${tail}`), tail).toThrow(refused('base64url'))
    }
    expect(header).toBe('e30')
    expect(() => gateToken(`e31.${claims}.AA`)).toThrow(refused('base64url'))
    expect(() => gateToken(`e30.e31.AA`)).toThrow(refused('base64url'))
  })

  it('a token whose header or claims are not UTF-8 is refused', () => {
    const broken = toBase64url(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d))
    expect(() => gateToken(`e30.${broken}.AA`)).toThrow(refused('utf-8'))
    expect(() => gateToken(`${broken}.e30.AA`)).toThrow(refused('utf-8'))
  })

  it('a token whose header or claims are not a JSON object is refused', () => {
    for (const json of ['', '[]', 'null', '"a"', '1', '{', '{"a":1,}', "{'a':1}", '{} {}', '\uFEFF{}']) {
      if (json !== '') expect(() => gateToken(token('{}', json)), json).toThrow(refused('json'))
      if (json !== '') expect(() => gateToken(token(json, '{}')), json).toThrow(refused('json'))
    }
  })

  it('a token with a member name twice is refused', () => {
    const twice = [
      '{"a":1,"a":1}',
      '{"a":1,"\\u0061":2}',
      '{"a":{"b":1,"b":2}}',
      '{"a":{"b":1},"a":{"c":2}}',
      '{"a":[{"b":1,"b":2}]}',
      '{"__proto__":1,"__proto__":2}',
    ]
    for (const json of twice) {
      expect(() => gateToken(token('{}', json)), json).toThrow(refused('duplicate'))
      expect(() => gateToken(token(json, '{}')), json).toThrow(refused('duplicate'))
    }
    const once = [
      '{"a":{"a":{"a":1}}}',
      '{"a":"x:y","b:c":":","\\"":"\\\\","d":["e:f",{"a":2}]}',
      '{"__proto__":{"a":1}}',
    ]
    for (const json of once) expect(() => gateToken(token('{}', json)), json).not.toThrow()
  })

  it('a token nested deeper than 16 levels is refused', () => {
    const nested = (levels: number) => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`
    expect(() => gateToken(token('{}', nested(16)))).not.toThrow()
    expect(() => gateToken(token('{}', nested(17)))).toThrow(refused('depth'))
    expect(() => gateToken(token('{}', `{"a":${'['.repeat(16)}${']'.repeat(16)}}`))).toThrow(refused('depth'))
  })

  it('shows nothing of the token in its errors', () => {
    for (const value of [
      'marker-secret',
      token('{"marker-secret"', '{}'),
      token('{}', '{"marker-secret":1,"marker-secret":2}'),
    ]) {
      try {
        gateToken(value)
        expect.unreachable()
      } catch (error) {
        expect(
          `${error}${(error as Error).stack}${JSON.stringify(error)}${JSON.stringify((error as { detail: object }).detail)}`,
        ).not.toContain('marker-secret')
        expect((error as Error).cause).toBeUndefined()
      }
    }
  })
})
