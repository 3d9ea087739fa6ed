import { afterEach, describe, expect, it, vi } from 'vitest'
import { definePolicy } from '../../src/policy/define-policy.ts'
import type { Policy } from '../../src/policy/policy.ts'
import { documentOf, peerOf, question } from './ask.ts'

/** Rules for as many services: each may call its own routes, teams may read, and some are denied. */
function policyOf(count: number): Policy {
  const rules = Array.from({ length: count }, (_, i) => {
    if (i % 10 === 7)
      return { effect: 'deny' as const, from: [`spiffe://acme.internal/s${i - 1}`], to: [`* /v1/r${i - 1}/:id/secret`] }
    if (i % 10 === 8) return { from: [`spiffe://acme.internal/team-${i}/**`], to: [`GET /v1/:kind/:id/*`] }
    if (i % 10 === 9) return { from: [`spiffe://acme.internal/team-${i}/*`], to: ['* /shared/*'] }
    return { from: [`spiffe://acme.internal/s${i}`], to: [`POST /v1/r${i}`, `GET /v1/r${i}/:id/*`] }
  })
  return definePolicy(documentOf(rules))
}

const by = (name: string, call: string) => question(call, { peer: peerOf(`spiffe://acme.internal/${name}`) })

/** How many look-ups in tables a decision takes: its cost, without a clock. */
function lookUps(decide: () => unknown): number {
  const spy = vi.spyOn(Map.prototype, 'get')
  try {
    decide()
    return spy.mock.calls.length
  } finally {
    spy.mockRestore()
  }
}

describe('20,000 rules', () => {
  afterEach(() => {
    vi.restoreAllMocks()
  })
  const policy = policyOf(20_000)

  it('are decided correctly', () => {
    for (let i = 0; i < 20_000; i += 10) {
      const next = i + 10 < 20_000 ? i + 10 : 0
      expect(policy.decide(by(`s${i}`, `POST /v1/r${i}`))).toEqual({ effect: 'allow', rule: `r${i}` })
      expect(policy.decide(by(`s${i}`, `POST /v1/r${next}`)).effect).toBe('deny')
      expect(policy.decide(by(`s${i + 6}`, `GET /v1/r${i + 6}/5/open`))).toEqual({ effect: 'allow', rule: `r${i + 6}` })
      expect(policy.decide(by(`s${i + 6}`, `GET /v1/r${i + 6}/5/SECRET/`)).rule).toBe(`r${i + 7}`)
      expect(policy.decide(by(`team-${i + 8}/a/b`, 'GET /v1/x/y/z')).rule).toBe(`r${i + 8}`)
      expect(policy.decide(by(`team-${i + 9}/a`, 'PUT /shared/z')).rule).toBe(`r${i + 9}`)
      expect(policy.decide(by(`team-${i + 9}/a/b`, 'PUT /shared/z')).effect).toBe('deny')
    }
  })

  it('cost no more look-ups than 20', () => {
    const few = policyOf(20)
    for (const [name, call] of [
      ['s0', 'POST /v1/r0'],
      ['s6', 'GET /v1/r6/5/secret'],
      ['s6', 'GET /v1/r6/5/a/b/c/d'],
      ['team-8/a/b', 'GET /v1/r0/5/x'],
      ['team-9/a', 'PUT /shared/z'],
      ['stranger', 'GET /v1/r0/5/x'],
    ] as const) {
      expect(lookUps(() => policy.decide(by(name, call)))).toBe(lookUps(() => few.decide(by(name, call))))
    }
  })

  it('cost no more than in proportion to the depth of the path', () => {
    const deep = definePolicy(
      documentOf(
        Array.from({ length: 64 }, (_, depth) => ({
          effect: depth % 2 === 0 ? ('allow' as const) : ('deny' as const),
          to: [`GET ${'/x'.repeat(depth + 1)}`],
        })),
      ),
    )
    const costs = [8, 16, 32, 64].map((depth) => lookUps(() => deep.decide(question(`GET ${'/x'.repeat(depth)}`))))
    const [at8 = 0, at16 = 0, at32 = 0, at64 = 0] = costs
    expect(at16 - at8).toBeGreaterThan(0)
    expect(at32 - at16).toBe(2 * (at16 - at8))
    expect(at64 - at32).toBe(4 * (at16 - at8))
  })
})
