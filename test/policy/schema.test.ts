import { describe, expect, it } from 'vitest'
import { parsePolicy } from '../../src/policy/define-policy.ts'
import { readPolicyDocument } from '../../src/policy/schema.ts'
import { refusal } from '../core/refusal.ts'

const RULE = { id: 'a', effect: 'allow', from: ['spiffe://acme.internal/orders'], to: ['GET /a'] }
const document = (...rules: unknown[]) => ({ version: 1, rules })
const withRule = (more: object) => document({ ...RULE, ...more })

function expectRefused(value: unknown, option: string, fix: RegExp): void {
  const error = refusal(() => parsePolicy(value))
  expect(error).toMatchObject({ code: 'policy-invalid', kind: 'config', detail: { option } })
  expect(error.detail.fix).toMatch(fix)
  expect(error.message).toContain(option)
}

describe('readPolicyDocument', () => {
  it('reads the whole of a document, and an empty one', () => {
    const full = withRule({
      when: { sealed: true, authenticatedBy: ['session', 'signature'], scope: ['charges:write'] },
      mode: 'enforce',
      notAfter: '2027-03-01T00:00:00Z',
    })
    expect(readPolicyDocument(full)).toEqual(full)
    expect(readPolicyDocument(document())).toEqual(document())
  })

  it('refuses what is no document of version 1', () => {
    for (const value of [undefined, null, 1, [], '{"version":1,"rules":[]}'])
      expectRefused(value, 'policy', /write an object/)
    expectRefused({ rules: [] }, 'version', /write 1/)
    expectRefused({ version: 2, rules: [] }, 'version', /write 1/)
    expectRefused({ version: '1', rules: [] }, 'version', /write 1/)
    expectRefused({ version: 1 }, 'rules', /list of rules/)
    expectRefused({ version: 1, rules: {} }, 'rules', /list of rules/)
    expectRefused(document(null), 'rules[0]', /write a rule/)
  })

  it('names the place and the fix', () => {
    expectRefused(withRule({ id: undefined }), 'rules[0].id', /give the rule an id/)
    for (const id of ['', ' a', 'a ', 'ä', 'a\n', 'x'.repeat(257)])
      expectRefused(withRule({ id }), 'rules[0].id', /printable/)
    expectRefused(withRule({ effect: 'permit' }), 'rules[0].effect', /"allow" or "deny"/)
    expectRefused(withRule({ from: 'anonymous' }), 'rules[0].from', /write a list/)
    expectRefused(withRule({ from: [] }), 'rules[0].from', /at least one/)
    expectRefused(withRule({ from: ['anonymous', 5] }), 'rules[0].from[1]', /write a text/)
    expectRefused(withRule({ from: ['spiffe://acme.internal/a*'] }), 'rules[0].from[0]', /asterisk/)
    expectRefused(withRule({ from: ['spiffe://acme.internal'] }), 'rules[0].from[0]', /workload identifier/)
    expectRefused(withRule({ to: [] }), 'rules[0].to', /at least one/)
    expectRefused(withRule({ to: ['GET /a', 'GET a'] }), 'rules[0].to[1]', /path as it is signed/)
    expectRefused(withRule({ mode: 'warn' }), 'rules[0].mode', /"enforce" or "observe"/)
    expectRefused(withRule({ when: [] }), 'rules[0].when', /write an object/)
    expectRefused(withRule({ when: { sealed: false } }), 'rules[0].when.sealed', /write true/)
    expectRefused(withRule({ when: { authenticatedBy: [] } }), 'rules[0].when.authenticatedBy', /at least one/)
    expectRefused(withRule({ when: { scope: [''] } }), 'rules[0].when.scope[0]', /not empty/)
    expectRefused(
      document(RULE, { ...RULE, id: 'b' }, { ...RULE, id: 'c' }, { ...RULE, id: 'd', to: ['a'] }),
      'rules[3].to[0]',
      /method/,
    )
  })

  it('a policy with two rules of one id is refused', () => {
    expectRefused(document(RULE, { ...RULE, id: 'b' }, RULE), 'rules[2].id', /id of its own/)
  })

  it('a policy that asks for zones or limits is refused, not obeyed in part', () => {
    expectRefused(
      { version: 1, zones: { internal: ['10.0.0.0/8'] }, rules: [] },
      'zones',
      /^not supported in this version$/,
    )
    expectRefused(withRule({ zones: ['internal'] }), 'rules[0].zones', /^not supported in this version$/)
    expectRefused(
      withRule({ limit: { requests: 1, perSeconds: 1 } }),
      'rules[0].limit',
      /^not supported in this version$/,
    )
    expectRefused(withRule({ x: 1, limit: {} }), 'rules[0].limit', /^not supported in this version$/)
  })

  it('a policy with a member that is not known is refused', () => {
    expectRefused({ version: 1, rules: [], $schema: 'x' }, '$schema', /no such member/)
    expectRefused(withRule({ effects: 'deny' }), 'rules[0].effects', /no such member/)
    expectRefused(withRule({ when: { Sealed: true } }), 'rules[0].when.Sealed', /no such member/)
    expectRefused(
      JSON.parse(JSON.stringify(withRule({})).replace('"id"', '"__proto__":{},"id"')),
      'rules[0].__proto__',
      /no such member/,
    )
    expectRefused(withRule({ ['x'.repeat(500)]: 1 }), `rules[0].${'x'.repeat(64)}`, /no such member/)
  })

  it('a rule that ends at a moment that does not exist or has no offset is refused', () => {
    const wrong = [
      '2027-03-01',
      '2027-03-01T00:00:00',
      '2027-02-30T00:00:00Z',
      '2027-13-01T00:00:00Z',
      '2027-03-01T25:00:00Z',
      '2027-03-01 00:00:00Z',
      '2027-03-01T00:00:00 Z',
      '2027-03-01T00:00Z',
      '2027-03-01T24:00:00Z',
      '2027-03-01T00:00:60Z',
      '2027-03-01T00:00:00+24:00',
      '2027-03-01t00:00:00z',
      'tomorrow',
      '',
      1_800_000_000,
    ]
    for (const notAfter of wrong) expectRefused(withRule({ notAfter }), 'rules[0].notAfter', /RFC 3339/)
    for (const notAfter of ['2028-02-29T23:59:59Z', '2027-03-01T00:00:00.123+02:00']) {
      expect(readPolicyDocument(withRule({ notAfter })).rules[0]?.notAfter).toBe(notAfter)
    }
  })
})
