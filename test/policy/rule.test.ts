import { describe, expect, it } from 'vitest'
import type { Peer } from '../../src/identity/peer.ts'
import type { PolicyRule } from '../../src/policy/document.ts'
import { type Circumstances, compileRule, standingOf } from '../../src/policy/rule.ts'
import { ORDERS, peerOf } from './ask.ts'

const END = Date.parse('2027-01-01T00:00:00Z')

function standing(rule: Partial<PolicyRule>, more: Partial<Circumstances> = {}) {
  const base = { id: 'r', effect: 'allow', from: [ORDERS], to: ['* /*'] } as const
  return standingOf(compileRule({ ...base, ...rule }, 0), { peer: peerOf(ORDERS), sealed: false, now: END, ...more })
}

const by = (authenticatedBy: string, ...also: string[]): Partial<Circumstances> => ({
  peer: peerOf(ORDERS, { authenticatedBy, also: also.map((way) => peerOf('x:y', { authenticatedBy: way })) }),
})
const having = (...scopes: string[]): { peer: Peer } => ({ peer: peerOf(ORDERS, { scopes }) })

describe('standingOf', () => {
  it('a rule counts for nothing after its notAfter', () => {
    const rule = { notAfter: '2027-01-01T00:00:00Z' }
    expect(standing(rule, { now: END })).toBe('holds')
    expect(standing(rule, { now: END + 1 })).toBe('fails')
    expect(standing({ ...rule, effect: 'deny' }, { now: END + 1 })).toBe('fails')
    expect(standing(rule, { now: Number.NaN })).toBe('fails')
  })

  it('a rule that names ways to authenticate holds for one of them only', () => {
    const rule = { when: { authenticatedBy: ['session', 'signature'] } }
    expect([by('session'), by('signature'), by('bearer', 'session')].map((each) => standing(rule, each))).toEqual(
      Array(3).fill('holds'),
    )
    expect(
      [by('bearer'), by('none'), by('Session'), by('bearer', 'api-key')].map((each) => standing(rule, each)),
    ).toEqual(Array(4).fill('fails'))
  })

  it('an API key alone opens nothing by a rule that lists no ways to authenticate', () => {
    const alone = [by('api-key'), by('api-key', 'api-key'), by('api-key', 'none')]
    const notAlone = [by('api-key', 'signature'), by('signature', 'api-key'), by('session')]
    const listed = { when: { authenticatedBy: ['session', 'api-key'] } }
    expect(alone.map((each) => standing({}, each))).toEqual(Array(3).fill('fails'))
    expect(alone.map((each) => standing({ when: { sealed: true, scope: [] } }, each))).toEqual(Array(3).fill('fails'))
    expect(notAlone.map((each) => standing({}, each))).toEqual(Array(3).fill('holds'))
    expect([...alone, ...notAlone].map((each) => standing(listed, each))).toEqual(Array(6).fill('holds'))
    // A deny matches them all the same.
    expect(alone.map((each) => standing({ effect: 'deny' }, each))).toEqual(Array(3).fill('holds'))
  })

  it('a rule that names scopes holds only for a peer that has them all', () => {
    const rule = { when: { scope: ['r', 'w'] } }
    expect(standing(rule, having('w', 'x', 'r'))).toBe('holds')
    for (const each of [having(), having('r'), having('w'), having('r w'), having('R', 'W')])
      expect(standing(rule, each)).toBe('fails')
  })

  it('takes no scopes from further proofs', () => {
    const peer = peerOf(ORDERS, { also: [peerOf('x:y', { scopes: ['r'] })] })
    expect(standing({ when: { scope: ['r'] } }, { peer })).toBe('fails')
  })

  it('a rule that demands sealing holds for sealed calls only', () => {
    const rule = { when: { sealed: true } } as const
    expect(standing(rule, { sealed: true })).toBe('holds')
    expect(standing(rule)).toBe('unsealed')
    expect(standing({ when: { sealed: true, scope: ['r'] } })).toBe('fails')
  })
})
