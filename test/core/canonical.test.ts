import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseTarget, targetOf } from '../../src/core/canonical.ts'
import { refusal } from './refusal.ts'

const refused = (...targets: string[]) => {
  for (const target of targets) expect(refusal(() => parseTarget(target)).code, target).toBe('target-not-canonical')
}

describe('parseTarget', () => {
  it('gives path and query apart and the target as it is', () => {
    expect(parseTarget('/a/b%20c?x=%zz&y')).toEqual({ target: '/a/b%20c?x=%zz&y', path: '/a/b%20c', query: 'x=%zz&y' })
    expect(parseTarget('/')).toEqual({ target: '/', path: '/', query: undefined })
    expect(parseTarget('/?')).toEqual({ target: '/?', path: '/', query: '' })
    expect(parseTarget('/a/').path).toBe('/a/')
    expect(parseTarget('/?a=//../%2f').query).toBe('a=//../%2f')
  })

  it('a target that is not origin-form printable ASCII is refused', () => {
    refused('', '*', 'a', 'http://a.test/', '?a', '/a b', '/ä', '/a\t', '/a\n', '/\x7f', `/${'a'.repeat(8192)}`)
    expect(parseTarget(`/${'a'.repeat(8191)}`).path).toHaveLength(8192)
  })

  it('a target with a fragment or a backslash is refused', () => {
    refused('/a#b', '/a?b#c', '/a\\b', '/a?b\\c', '/..\\a')
  })

  it('a path with an empty segment before its end is refused', () => {
    refused('//', '//a', '/a//', '/a//b')
  })

  it('a path with a dot segment is refused', () => {
    refused('/.', '/..', '/a/.', '/a/..', '/./a', '/a/../b', '/a/./b?c', '/a/../')
    expect(parseTarget('/.../..a/.well-known').path).toBe('/.../..a/.well-known')
  })

  it('a path with a percent sign that escapes nothing is refused', () => {
    refused('/%', '/a%', '/a%2', '/%zz', '/%2g', '/%2?5', '/% 20'.replace(' ', '+'))
  })

  it('a path with an escape in lower case is refused', () => {
    refused('/%3a', '/%c3%a4', '/%C3%a4')
    expect(parseTarget('/%3A').path).toBe('/%3A')
  })

  it('a path that escapes an unreserved character is refused', () => {
    refused('/%41', '/%61', '/%30', '/%2E', '/%2E%2E/a', '/%2D', '/%5F', '/%7E')
  })

  it('a path that escapes a slash, a backslash or a control character is refused', () => {
    refused('/a%2Fb', '/a%5Cb', '/%00', '/%0A', '/%1F', '/%7F')
  })

  it('a path that is encoded twice is refused', () => {
    refused('/%252F', '/%2541', '/%25AF')
    expect(parseTarget('/100%25').path).toBe('/100%25')
    expect(parseTarget('/%25zz').path).toBe('/%25zz')
  })

  it('tells the operator which check it was, and the reader nothing of the target', () => {
    const error = refusal(() => parseTarget('/secret/../x'))
    expect(error.detail).toEqual({ step: 'dot segment' })
    expect(error.message).not.toContain('secret')
  })
})

describe('targetOf', () => {
  it('brings the path of a URL into its one spelling', () => {
    const of = (url: string) => targetOf(new URL(url)).target
    expect(of('http://a.test')).toBe('/')
    expect(of('http://a.test/%7euser/%c3%a4?q=%7e')).toBe('/~user/%C3%A4?q=%7e')
    expect(of('http://a.test/a/../b/./c#d')).toBe('/b/c')
    expect(of('http://a.test/ä b')).toBe('/%C3%A4%20b')
  })

  it('refuses what has no one spelling', () => {
    for (const url of ['http://a.test//a', 'http://a.test/a%2Fb', 'http://a.test/%252F', 'http://a.test/%']) {
      expect(refusal(() => targetOf(new URL(url))).code, url).toBe('target-not-canonical')
    }
  })
})

const URI_CHARACTERS = "abcXYZ019-._~!$&'()*+,;=:@"
const segment = fc.string({
  unit: fc.constantFrom(...URI_CHARACTERS, '%20', '%C3%A4', '%25'),
  minLength: 1,
  maxLength: 6,
})
const canonicalTarget = fc
  .tuple(fc.array(segment, { minLength: 1, maxLength: 4 }), fc.option(fc.constantFrom('', 'a=1', 'a=%2F&b')))
  .map(([segments, query]) => `/${segments.join('/')}${query === null ? '' : `?${query}`}`)
  .filter((target) => {
    try {
      return parseTarget(target).target === target
    } catch {
      return false
    }
  })
const mutation = fc.record({
  at: fc.nat(),
  kind: fc.constantFrom('replace', 'insert', 'remove'),
  character: fc.constantFrom(...URI_CHARACTERS, '/', '%', '?', '#', '\\', ' ', '\0', '\x7f', 'ä', '2', 'F', 'f', 'E'),
})

describe('properties', () => {
  it('a target that was changed in one character is refused, or is another target under one spelling', () => {
    fc.assert(
      fc.property(canonicalTarget, mutation, (target, { at, kind, character }) => {
        const i = at % target.length
        const rest = target.slice(kind === 'insert' ? i : i + 1)
        const mutated = target.slice(0, i) + (kind === 'remove' ? '' : character) + rest
        let parsed: ReturnType<typeof parseTarget>
        try {
          parsed = parseTarget(mutated)
        } catch (error) {
          expect(refusal(() => parseTarget(mutated)).code, String(error)).toBe('target-not-canonical')
          return
        }
        const { path, query } = parsed
        expect(parsed.target).toBe(mutated)
        expect(query === undefined ? path : `${path}?${query}`).toBe(mutated)
        // Another reader of the same bytes sees the same path.
        expect(new URL(`http://a.test${mutated}`).pathname).toBe(path)
        expect(targetOf(new URL(`http://a.test${path}`)).target).toBe(path)
      }),
      { numRuns: 2000 },
    )
  })
})

it('a path with a raw character that clients escape is refused', () => {
  for (const character of '"<>^`{}|') {
    expect(() => parseTarget(`/a${character}b`)).toThrow(expect.objectContaining({ code: 'target-not-canonical' }))
  }
  expect(targetOf(new URL('https://a.test/x^y|z"')).target).toBe('/x%5Ey%7Cz%22')
})
