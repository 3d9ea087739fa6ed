import { describe, expect, it } from 'vitest'
import { allowAuthenticated } from '../../src/policy/allow-authenticated.ts'
import { refusal } from '../core/refusal.ts'
import { peerOf, question } from './ask.ts'

const by = (id: string, call = 'POST /a') => question(call, { peer: peerOf(id) })
const allowed = { effect: 'allow', rule: 'allow-authenticated' }
const denied = { effect: 'deny', code: 'policy-denied' }

describe('allowAuthenticated', () => {
  it('allows everything to everybody who is authenticated', () => {
    const policy = allowAuthenticated()
    for (const id of ['spiffe://a.test/x', 'https://issuer.test/sub', 'api-key:x'])
      expect(policy.decide(by(id))).toEqual(allowed)
    expect(policy.demandsSealing).toBe(false)
  })

  it('allows only callers that a pattern covers, where patterns are given', () => {
    const policy = allowAuthenticated('spiffe://a.test/*', 'api-key:x')
    const ids = ['spiffe://a.test/x', 'api-key:x', 'spiffe://a.test/x/y', 'spiffe://b.test/x']
    expect(ids.map((id) => policy.decide(by(id)))).toEqual([allowed, allowed, denied, denied])
  })

  it('who proved nothing is not among the authenticated', () => {
    expect(allowAuthenticated().decide(by('anonymous'))).toEqual(denied)
    expect(allowAuthenticated('spiffe://a.test/**').decide(by('anonymous'))).toEqual(denied)
    const unproven = question('GET /a', { peer: peerOf('spiffe://a.test/x', { authenticatedBy: 'none' }) })
    expect(allowAuthenticated().decide(unproven)).toEqual(denied)
    const nameless = question('GET /a', { peer: peerOf('anonymous', { authenticatedBy: 'signature' }) })
    expect(allowAuthenticated().decide(nameless)).toEqual(denied)
  })

  it('who shows an API key alone is not among the authenticated', () => {
    const alone = question('GET /a', { peer: peerOf('api-key:x', { authenticatedBy: 'api-key' }) })
    const besides = question('GET /a', {
      peer: peerOf('api-key:x', { authenticatedBy: 'api-key', also: [peerOf('spiffe://a.test/x')] }),
    })
    for (const policy of [allowAuthenticated(), allowAuthenticated('api-key:x')]) {
      expect([policy.decide(alone), policy.decide(besides)]).toEqual([denied, allowed])
      expect(policy.explain(alone)).toMatchObject({
        decision: denied,
        rules: [{ matches: false, because: [expect.stringContaining('API key alone')] }],
      })
    }
  })

  it('a policy for the authenticated that names the anonymous is refused', () => {
    expect(refusal(() => allowAuthenticated('spiffe://a.test/*', 'anonymous'))).toMatchObject({
      code: 'option-invalid',
      detail: { option: 'allowAuthenticated' },
    })
    expect(refusal(() => allowAuthenticated('spiffe://*')).code).toBe('option-invalid')
  })

  it('denies a path that is not canonical, and says why', () => {
    const policy = allowAuthenticated()
    expect(policy.decide(by('spiffe://a.test/x', 'GET /a/../b'))).toEqual(denied)
    expect(policy.explain(by('spiffe://a.test/x', 'GET /a/../b'))).toMatchObject({
      decision: denied,
      summary: expect.stringMatching(/canonical/),
      rules: [],
    })
    expect(policy.explain(by('spiffe://a.test/x'))).toMatchObject({ decision: allowed, rules: [{ matches: true }] })
    expect(policy.explain(by('anonymous'))).toMatchObject({ decision: denied, rules: [{ matches: false }] })
  })
})
