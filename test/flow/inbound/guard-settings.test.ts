import { beforeAll, describe, expect, it } from 'vitest'
import { guard } from '../../../src/adapters/express.ts'
import { isCountersignError } from '../../../src/core/errors.ts'
import type { GuardOptions } from '../../../src/flow/inbound/guard-options.ts'
import { checkGuardOptions, guardSettings } from '../../../src/flow/inbound/guard-settings.ts'
import { engineOf, type Workload } from '../../../src/flow/workload.ts'
import { allowAuthenticated } from '../../../src/policy/allow-authenticated.ts'
import { testDomain } from '../../../src/testing/test-domain.ts'

const policy = allowAuthenticated()

describe('a guard says what is wrong with its options', () => {
  let ledger: Workload
  beforeAll(async () => {
    ledger = await (await testDomain('acme.test')).workload('ledger')
  })

  function messageOf(options: unknown): string {
    try {
      // What a JavaScript user can pass without a type checker.
      guard(ledger, options as GuardOptions)
    } catch (error) {
      if (isCountersignError(error, 'option-invalid')) return error.message
      throw error
    }
    throw new Error('it was taken')
  }

  it.each([
    [{}, 'policy', 'policyFile(path)'],
    [{ policy: {} }, 'policy', 'allowAuthenticated()'],
    [{ policy, accept: [] }, 'accept', 'at least one'],
    [{ policy, accept: ['signature'] }, 'accept.0', 'workloadProof()'],
    [{ policy, mode: 'off' }, 'mode', "'observe'"],
    [{ policy, seal: 'always' }, 'seal', "'required'"],
    [{ policy, maxBodyBytes: 1.5 }, 'maxBodyBytes', 'whole number'],
    [{ policy, exempt: ['healthz'] }, 'exempt.0', 'slash'],
    [{ policy, pass: ['X-Upper'] }, 'pass.0', 'lower case'],
    [{ policy, strippedPrefix: '/v1/' }, 'strippedPrefix', 'final slash'],
    [{ policy, polcy: 1 }, 'guard options', 'polcy'],
    [undefined, 'guard options', 'object'],
  ])('%j', (options, option, fix) => {
    const message = messageOf(options)
    expect(message).toContain(option)
    expect(message).toContain(fix)
  })

  it('a guard that is told to pass a field which must be covered is refused', () => {
    for (const name of ['authorization', 'content-type', 'signature', 'workload-identity-token', 'idempotency-key']) {
      expect(messageOf({ policy, pass: [name] })).toContain(name)
    }
  })

  it('a guard for something that createWorkload did not make is refused', () => {
    expect(() => guard({ ...ledger }, { policy })).toThrow(expect.objectContaining({ code: 'option-invalid' }))
    expect(() => guard({} as Workload, { policy })).toThrow('createWorkload')
  })
})

describe('guardSettings', () => {
  it('takes the mode of the workload where the guard says nothing else', async () => {
    const domain = await testDomain('acme.test')
    const engine = engineOf(await domain.workload('ledger', { mode: 'observe' }))
    expect(guardSettings(engine, checkGuardOptions({ policy })).mode).toBe('observe')
    expect(guardSettings(engine, checkGuardOptions({ policy, mode: 'enforce' })).mode).toBe('enforce')
  })

  it('hears what a policy has to report', async () => {
    const engine = engineOf(await (await testDomain('acme.test')).workload('ledger'))
    const heard: unknown[] = []
    const reporting = { decide: policy.decide, bindReport: (report: unknown) => heard.push(report) }
    guardSettings(engine, checkGuardOptions({ policy: reporting }))
    expect(heard).toEqual([engine.report])
  })
})
