import { expect, it } from 'vitest'
import { judgeAgain, refusalOf } from '../../src/adapters/judge-again.ts'
import type { Call } from '../../src/flow/call-context.ts'
import type { GuardOptions } from '../../src/flow/inbound/guard-options.ts'
import { checkGuardOptions, guardSettings } from '../../src/flow/inbound/guard-settings.ts'
import { engineOf } from '../../src/flow/workload.ts'
import { anonymous } from '../../src/identity/peer.ts'
import { testDomain } from '../../src/testing/test-domain.ts'

async function judge(options: GuardOptions) {
  const engine = engineOf(await (await testDomain('acme.test')).workload('ledger'))
  const call: Call = { id: 'c', peer: anonymous, decision: { effect: 'allow' }, sealed: false }
  const guard = guardSettings(engine, checkGuardOptions(options))
  const refusal = await judgeAgain(guard, call, { method: 'GET', target: '/a?b=1' })
  expect(refusalOf(call)).toBe(refusal)
  return refusal?.code
}

it('refuses what the policy of a second guard denies, or fails to decide', async () => {
  const deny = { decide: () => ({ effect: 'deny' as const, rule: 'r' }) }
  const broken = {
    decide: () => {
      throw new Error('the policy engine is down')
    },
  }
  expect(await judge({ policy: { decide: () => ({ effect: 'allow' }) } })).toBeUndefined()
  expect(await judge({ policy: deny })).toBe('policy-denied')
  expect(await judge({ policy: broken })).toBe('policy-unavailable')
  expect(await judge({ policy: deny, mode: 'observe' })).toBeUndefined()
})

it('asks for the path as it was signed', async () => {
  const asked: unknown[] = []
  const decide = (question: { path: string; method: string }) => {
    asked.push([question.method, question.path])
    return { effect: 'allow' as const }
  }
  await judge({ policy: { decide }, strippedPrefix: '/api' })
  expect(asked).toEqual([['GET', '/api/a']])
})
