import { describe, expect, it } from 'vitest'
import { definePolicy } from '../../src/policy/define-policy.ts'
import type { PolicyRule } from '../../src/policy/document.ts'
import { documentOf, ORDERS, peerOf, question } from './ask.ts'

const denied = { effect: 'deny', code: 'policy-denied' }
const policyOf = (...rules: Partial<PolicyRule>[]) => definePolicy(documentOf(rules))

describe('decide', () => {
  it('a path that is not in its canonical spelling is denied, whatever the rules say', () => {
    const policy = policyOf({})
    const paths = [
      '/a/../b',
      '/a/./b',
      '//a',
      '/a%2Fb',
      '/%61',
      '/a%252E',
      '/a%5cb',
      '/a?b',
      '/a#b',
      '/a\\b',
      'a',
      '',
      '/a b',
      '/ä',
      '*',
    ]
    for (const path of paths) expect(policy.decide(question(`GET ${path}`))).toEqual(denied)
    expect(policy.decide(question(`GET /${'a'.repeat(8192)}`))).toEqual(denied)
  })

  it('a call that no rule allows is denied', () => {
    expect(policyOf().decide(question('GET /'))).toEqual(denied)
    expect(policyOf({ to: ['GET /a'] }).decide(question('GET /b'))).toEqual(denied)
    expect(policyOf({ effect: 'deny', to: ['GET /a'] }).decide(question('GET /b'))).toEqual(denied)
    const policy = policyOf({}, { from: ['spiffe://acme.internal/shop/**'] })
    for (const id of ['anonymous', 'spiffe://acme.internal/ledger', 'spiffe://acme.internal/shop', '', 'api-key:x']) {
      expect(policy.decide(question('GET /a', { peer: peerOf(id) }))).toEqual(denied)
    }
  })

  it('a deny that matches beats every allow', () => {
    const deny = { effect: 'deny', to: ['* /a'] } as const
    for (const rules of [
      [{}, {}, deny],
      [deny, {}, {}],
      [{}, deny, {}],
    ]) {
      expect(policyOf(...rules).decide(question('GET /a'))).toMatchObject({
        ...denied,
        rule: `r${rules.indexOf(deny)}`,
      })
    }
  })

  it('a deny that only observes denies nothing, and the decision tells that it would have', () => {
    const policy = policyOf({}, { effect: 'deny', to: ['* /a'], mode: 'observe' })
    const observed = { effect: 'allow', rule: 'r1', code: 'policy-denied', observed: true }
    expect(policy.decide(question('GET /a'))).toEqual(observed)
    expect(policy.decide(question('GET /b'))).toEqual({ effect: 'allow', rule: 'r0' })
  })

  it('an allow that only observes allows nothing', () => {
    expect(policyOf({ mode: 'observe' }).decide(question('GET /a'))).toEqual(denied)
    expect(policyOf({ mode: 'observe', when: { sealed: true } }).decide(question('GET /a'))).toEqual(denied)
  })

  it('a call that lacks nothing but sealing is told that encryption is required', () => {
    const policy = policyOf({ when: { sealed: true }, to: ['POST /a'] })
    expect(policy.decide(question('POST /a'))).toEqual({ effect: 'deny', rule: 'r0', code: 'encryption-required' })
    expect(policy.decide(question('POST /a', { sealed: true }))).toEqual({ effect: 'allow', rule: 'r0' })
    expect(policy.decide(question('POST /b'))).toEqual(denied)
    expect(policy.decide(question('POST /a', { peer: peerOf('spiffe://acme.internal/shop') }))).toEqual(denied)
  })

  it('a deny also matches a path in another case, with a trailing slash more or less, or escaped otherwise', () => {
    const policy = policyOf({}, { effect: 'deny', to: ['* /Users/@me', '* /admin/*', '* /%3Aid', '* /caf%C3%A9'] })
    const paths = ['/users/@me', '/USERS/%40ME/', '/admin', '/Admin/', '/ADMIN/x', '/:id', '/%3AID', '/caf%C3%89']
    for (const path of paths)
      expect(policy.decide(question(`GET ${path}`))).toMatchObject({ effect: 'deny', rule: 'r1' })
    const others = ['/users/me', '/users/@me/x', '/administrator', '/x', '/caf%E9', '/']
    for (const path of others)
      expect(policy.decide(question(`GET ${path}`))).toMatchObject({ effect: 'allow', rule: 'r0' })
  })

  it('a parameter never stands for an empty segment', () => {
    const policy = policyOf({ to: ['* /a/:id', '* /b/:id/*'] })
    expect(['/a/', '/a', '/b//', '/b/'].map((path) => policy.decide(question(`GET ${path}`)).effect)).toEqual(
      Array(4).fill('deny'),
    )
    expect(policy.decide(question('GET /a/x')).effect).toBe('allow')
    const denying = policyOf({}, { effect: 'deny', to: ['* /a/:id'] })
    expect(['/a/', '/a'].map((path) => denying.decide(question(`GET ${path}`)).effect)).toEqual(Array(2).fill('allow'))
  })

  it('is not changed by changing the document, the list of rules or what it gave', () => {
    const rules: Partial<PolicyRule>[] = [{ from: [ORDERS] }]
    const document = documentOf(rules)
    const policy = definePolicy(document)
    const [rule] = document.rules as unknown as { from: string[]; effect: string }[]
    rule?.from.push('anonymous')
    if (rule !== undefined) rule.effect = 'deny'
    expect(policy.decide(question('GET /a')).effect).toBe('allow')
    expect(policy.decide(question('GET /a', { peer: peerOf('anonymous') })).effect).toBe('deny')
    expect(Object.isFrozen(policy)).toBe(true)
    expect(Object.isFrozen(policy.decide(question('GET /a')))).toBe(true)
  })

  it('tells whether some rule demands sealing', () => {
    const sealing = { when: { sealed: true } } as const
    expect(policyOf({}, sealing).demandsSealing).toBe(true)
    for (const rules of [
      [{}],
      [{ ...sealing, mode: 'observe' }],
      [{ ...sealing, effect: 'deny' }],
    ] as Partial<PolicyRule>[][]) {
      expect(policyOf(...rules).demandsSealing).toBe(false)
    }
  })
})
