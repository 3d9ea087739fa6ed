import { expect, it } from 'vitest'
import { CountersignError } from '../src/core/errors.ts'
import { Fields } from '../src/core/message.ts'
import { admit } from '../src/flow/admit.ts'
import type { GuardOptions } from '../src/flow/inbound/guard-options.ts'
import { checkGuardOptions, guardSettings } from '../src/flow/inbound/guard-settings.ts'
import { engineOf } from '../src/flow/workload.ts'
import { createWire, type OnTheWire, otherSignature, withField } from './refusals/wire.ts'

/** The steps a request has to pass, in order; each names what it runs when it is reached. */
const steps = ['token', 'signature', 'claim', 'policy', 'body'] as const
type Step = (typeof steps)[number]

async function reached(
  change: (message: OnTheWire) => OnTheWire,
  fail?: Step,
  options: Partial<GuardOptions> = {},
): Promise<Step[]> {
  const wire = await createWire()
  const seen: Step[] = []
  const mark = (step: Step) => {
    seen.push(step)
    if (step === fail) throw new CountersignError('replay-unavailable')
  }
  const inner = engineOf(wire.ledger)
  const engine: typeof inner = {
    ...inner,
    tokens: {
      async verify(token, trust) {
        mark('token')
        const verified = await inner.tokens.verify(token, trust)
        return new Proxy(verified, {
          get(target, name, receiver) {
            if (name === 'proofKey') mark('signature')
            return Reflect.get(target, name, receiver) as unknown
          },
        })
      },
    },
    replay: {
      claim() {
        mark('claim')
        return 'fresh'
      },
    },
  }
  const policy = {
    decide() {
      mark('policy')
      return { effect: 'allow' as const }
    },
  }
  const guard = guardSettings(engine, checkGuardOptions({ policy, ...options }))
  const message = change(await wire.capture({ method: 'POST', body: 'abc', headers: { 'x-a': '1' } }))
  await admit(guard, {
    request: { method: message.method, target: message.target, fields: new Fields(message.raw) },
    mountPath: '',
    announcesBody: true,
    readBody() {
      mark('body')
      return message.body
    },
  })
  return [...new Set(seen)]
}

const same = (message: OnTheWire) => message

it('takes every step of a good call, in this order', async () => {
  expect(await reached(same)).toEqual([...steps])
})

it('takes no step after a head that cannot be read', async () => {
  expect(await reached((message) => ({ ...message, target: '/a/../b' }))).toEqual([])
  expect(await reached((message) => ({ ...message, method: 'post' }))).toEqual([])
  expect(await reached((message) => withField(message, 'signature-input', 'wimse=('))).toEqual([])
})

it.each(steps.slice(0, -1))('takes no step after %s has failed', async (step) => {
  const taken = await reached(same, step)
  expect(taken).toEqual(steps.slice(0, steps.indexOf(step) + 1))
})

it('claims nothing for a proof that does not hold or is meant for another', async () => {
  expect(await reached((message) => withField(message, 'x-a', '2'))).toEqual(['token', 'signature'])
  expect(await reached((message) => withField(message, 'signature', otherSignature(message)))).toEqual([
    'token',
    'signature',
  ])
})
