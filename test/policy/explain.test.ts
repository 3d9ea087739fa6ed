import { describe, expect, it } from 'vitest'
import { definePolicy } from '../../src/policy/define-policy.ts'
import { documentOf, peerOf, question } from './ask.ts'
import { NOW } from './corpus.ts'

const policy = definePolicy(
  documentOf([
    {
      id: 'may-charge',
      to: ['POST /charges'],
      when: { sealed: true, authenticatedBy: ['session', 'signature'], scope: ['w', 'x'] },
    },
    { id: 'may-read', to: ['GET /charges/:id'] },
    { id: 'may-try', to: ['POST /charges'], mode: 'observe' },
    { id: 'never', effect: 'deny', to: ['* /admin/*', '* /b', '* /c', '* /d', '* /e'] },
    { id: 'soon-never', effect: 'deny', to: ['* /charges/7'], mode: 'observe' },
    { id: 'once', notAfter: '2026-01-01T00:00:00Z' },
  ]),
  { clock: { now: () => NOW } },
)

describe('explain', () => {
  it('says in one sentence what was decided and why', () => {
    const summary = (call: string, more = {}) => policy.explain(question(call, more)).summary
    const sealable = { peer: peerOf('spiffe://acme.internal/orders', { scopes: ['w', 'x'] }) }
    expect(summary('GET /charges/8')).toMatch(/^Allowed: rule "may-read" allows GET \/charges\/8 for spiffe:/)
    expect(summary('GET /charges/7')).toMatch(/^Allowed, but rule "soon-never", which only observes, would deny/)
    expect(summary('GET /admin/x')).toMatch(/^Denied: rule "never" denies GET \/admin\/x/)
    expect(summary('PUT /charges')).toMatch(/^Denied: no rule allows PUT \/charges/)
    expect(summary('POST /charges', sealable)).toMatch(
      /^Denied: rule "may-charge" allows .*, but only with a sealed body/,
    )
    expect(summary('GET /a/../b')).toBe('Denied: the path is not in its one canonical spelling.')
  })

  it('says of every rule why it does not match', () => {
    const peer = peerOf('spiffe://acme.internal/orders', { authenticatedBy: 'bearer', scopes: ['w'] })
    const { rules } = policy.explain(question('POST /charges', { peer }))
    expect(rules).toEqual([
      {
        rule: 'may-charge',
        effect: 'allow',
        mode: 'enforce',
        matches: false,
        because: [
          'It demands authentication by session or signature, not by bearer.',
          'It demands scopes that the caller lacks: x.',
          'It demands a sealed body.',
        ],
      },
      expect.objectContaining({
        rule: 'may-read',
        because: ['It is about GET /charges/:id, not about POST /charges.'],
      }),
      expect.objectContaining({
        rule: 'may-try',
        mode: 'observe',
        matches: true,
        because: ['Caller, route and every condition match.', 'It only observes: it allows nothing.'],
      }),
      expect.objectContaining({
        because: ['It is about * /admin/*, * /b, * /c and 2 more, not about POST /charges.'],
      }),
      expect.objectContaining({ rule: 'soon-never', effect: 'deny', matches: false }),
      expect.objectContaining({ rule: 'once', because: ['It ended at 2026-01-01T00:00:00Z.'] }),
    ])
  })

  it('says what an API key alone lacks', () => {
    const peer = peerOf('spiffe://acme.internal/orders', { authenticatedBy: 'api-key' })
    expect(policy.explain(question('GET /charges/8', { peer })).rules[1]).toMatchObject({
      matches: false,
      because: ['It lists no "authenticatedBy", and an API key alone opens only what lists "api-key" there.'],
    })
  })

  it('says for whom a rule is', () => {
    const { rules } = policy.explain(question('GET /charges/8', { peer: peerOf('anonymous') }))
    expect(rules[1]?.because).toEqual(['It is for spiffe://acme.internal/orders, not for anonymous.'])
  })

  it('looks at no rule where the path alone decides', () => {
    expect(policy.explain(question('GET /a/../b')).rules).toEqual([])
  })
})
