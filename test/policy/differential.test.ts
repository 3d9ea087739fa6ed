import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compileCaller } from '../../src/identity/match.ts'
import { CallerIndex } from '../../src/policy/caller-index.ts'
import { definePolicy } from '../../src/policy/define-policy.ts'
import type { PolicyRule } from '../../src/policy/document.ts'
import { documentOf, peerOf } from './ask.ts'
import { NOW } from './corpus.ts'
import { decideNaively } from './reference.ts'

const some = <T>(...values: T[]) => fc.constantFrom(...values)
const few = <T>(value: fc.Arbitrary<T>) => fc.array(value, { minLength: 1, maxLength: 4, size: 'max' })
const maybe = <T>(value: fc.Arbitrary<T>) =>
  fc.oneof({ arbitrary: value, weight: 1 }, { arbitrary: fc.constant(undefined), weight: 3 })

/** Drops members that are undefined: the document knows them or does not. */
function present<T extends object>(value: T): Partial<T> {
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as Partial<T>
}

const segment = some('a', 'a', 'A', '@', '%40', '%C3%A9', '%C3%89', '%2A', '%3Aid')
const path = fc
  .record({ segments: fc.array(segment, { maxLength: 3 }), slash: fc.boolean() })
  .map(({ segments, slash }) => `/${segments.join('/')}${slash && segments.length > 0 ? '/' : ''}`)
const routePath = fc
  .record({
    segments: fc.array(fc.oneof(segment, some(':id', ':x')), { maxLength: 3 }),
    end: some('', '/', '/*', '/*'),
  })
  .map(({ segments, end }) => `/${segments.join('/')}${end}`.replace('//', '/'))
const method = some('GET', 'POST', '*')
const route = fc.tuple(method, routePath).map(([verb, where]) => `${verb} ${where}`)

const id = some(
  'spiffe://a.test/x',
  'spiffe://a.test/x',
  'spiffe://a.test/x/y',
  'anonymous',
  'spiffe://a.test/x',
  'spiffe://a.test/x/y',
  'spiffe://a.test/x/y/z',
  'spiffe://b.test/x',
  'https://a.test/x//y',
  'https://a.test/x/',
  'https://a.test/*',
  'api-key:x',
)
const pattern = fc.oneof(
  some('anonymous', 'spiffe://a.test/x', 'spiffe://a.test/x/y', 'api-key:x', 'https://a.test/x/'),
  some('spiffe://a.test/*', 'spiffe://a.test/**', 'spiffe://a.test/x/*', 'spiffe://a.test/x/**', 'https://a.test/**'),
  some('https://a.test/*', 'https://a.test/x/**', 'spiffe://b.test/*'),
)

const when = fc
  .record({
    sealed: maybe(fc.constant(true as const)),
    authenticatedBy: maybe(few(some('signature', 'bearer', 'session', 'api-key'))),
    scope: maybe(few(some('r', 'w'))),
  })
  .map(present)
const rule: fc.Arbitrary<Partial<PolicyRule>> = fc
  .record({
    effect: some('allow' as const, 'allow' as const, 'deny' as const),
    from: few(pattern),
    to: few(route),
    when: maybe(when),
    mode: maybe(some('enforce' as const, 'observe' as const)),
    notAfter: maybe(some('2026-01-01T00:00:00Z', '2027-01-01T12:00:00Z', '2028-01-01T00:00:00Z')),
  })
  .map((each) => present(each) as Partial<PolicyRule>)

const peer = fc
  .record({
    id,
    authenticatedBy: some('signature', 'bearer', 'api-key'),
    scopes: fc.uniqueArray(some('r', 'w')),
    also: fc.array(some('session', 'bearer', 'api-key'), { maxLength: 1 }),
  })
  .map(({ id, also, ...rest }) =>
    peerOf(id, { ...rest, also: also.map((authenticatedBy) => peerOf('x:y', { authenticatedBy })) }),
  )
const asked = fc.record({ peer, method: some('GET', 'HEAD', 'POST', 'get', 'head'), path, sealed: fc.boolean() })

describe('a compiled policy', () => {
  it('decides as a naive reading of its rules does, and explains what it decides', () => {
    const counts: Record<string, number> = {}
    fc.assert(
      fc.property(
        fc.array(rule, { maxLength: 10, size: 'max' }),
        fc.array(asked, { minLength: 6, maxLength: 10, size: 'max' }),
        (rules, questions) => {
          const document = documentOf(rules)
          const policy = definePolicy(document, { clock: { now: () => NOW } })
          for (const each of questions) {
            const decision = policy.decide(each)
            expect(decision).toEqual(decideNaively(document, each, NOW))
            const explained = policy.explain(each)
            expect(explained.decision).toEqual(decision)
            const finding = explained.rules.find((found) => found.rule === decision.rule)
            expect(finding?.matches ?? false).toBe(
              decision.rule !== undefined && decision.code !== 'encryption-required',
            )
            const kind = `${decision.effect} ${decision.code} ${decision.observed} ${decision.rule !== undefined}`
            counts[kind] = (counts[kind] ?? 0) + 1
          }
        },
      ),
      { numRuns: 1_000 },
    )
    // All five kinds of decision were met, or the property would prove less than it says.
    expect(Object.values(counts).filter((count) => count >= 5)).toHaveLength(5)
  })

  it('finds the callers that the language of callers covers', () => {
    fc.assert(
      fc.property(fc.uniqueArray(pattern), id, (patterns, each) => {
        const index = new CallerIndex()
        const numbers = new Map(patterns.map((one) => [index.add(one), one]))
        const found = index.covering(each).map((number) => numbers.get(number))
        expect(found.sort()).toEqual(patterns.filter((one) => compileCaller(one)(each)).sort())
      }),
      { numRuns: 500 },
    )
  })
})
