import { describe, expect, it } from 'vitest'
import { CountersignError } from '../../src/core/errors.ts'
import { Fields } from '../../src/core/message.ts'
import { admit } from '../../src/flow/admit.ts'
import { checkGuardOptions, guardSettings } from '../../src/flow/inbound/guard-settings.ts'
import { engineOf } from '../../src/flow/workload.ts'
import { allowAuthenticated } from '../../src/policy/allow-authenticated.ts'
import { createWire, otherSignature, withField, withoutField } from '../refusals/wire.ts'

it('a call whose answer could not be signed is refused before its proof is claimed', async () => {
  const wire = await createWire()
  const claimed: string[] = []
  const engine = {
    ...engineOf(wire.ledger),
    credentials: {
      ...engineOf(wire.ledger).credentials,
      current: () => Promise.reject(new CountersignError('credentials-unavailable')),
    },
    replay: {
      claim(name: string) {
        claimed.push(name)
        return 'fresh' as const
      },
    },
  }
  const guard = guardSettings(engine, checkGuardOptions({ policy: allowAuthenticated() }))
  const { method, target, raw } = await wire.capture()
  const request = { method, target, fields: new Fields(raw) }
  const admission = await admit(guard, {
    request,
    mountPath: '',
    announcesBody: false,
    readBody: () => new Uint8Array(0),
  })
  expect(admission).toMatchObject({
    kind: 'answered',
    error: { code: 'credentials-unavailable' },
    response: { status: 503 },
  })
  expect(claimed).toEqual([])
})

describe('observing', () => {
  it('lets bad proofs and denials pass and writes them down', async () => {
    const wire = await createWire({
      mode: 'observe',
      policy: { decide: ({ peer }) => ({ effect: peer.id === 'anonymous' ? 'allow' : 'deny', rule: 'r' }) },
    })
    const message = await wire.capture({ headers: { 'x-a': '1' } })
    const observed = async (changed: typeof message, code: string) => {
      expect(await wire.deliver(changed)).toMatchObject({ ran: true, status: 200, events: 1, code })
      expect(wire.domain.sink.events.at(-1)).toMatchObject({ observed: true, effect: 'allow' })
    }
    await observed(withField(message, 'x-a', '2'), 'proof-invalid')
    await observed(withField(message, 'signature', otherSignature(message)), 'proof-invalid')
    await observed(withField(message, 'signature', 'keyId="legacy",signature="AA=="'), 'signature-malformed')
    await observed(withoutField(message, 'workload-identity-token'), 'token-missing')
    await observed(message, 'policy-denied')
    await observed(message, 'proof-replayed')
  })

  it('keeps size caps', async () => {
    const wire = await createWire({ mode: 'observe', maxBodyBytes: 3 })
    const message = await wire.capture({ method: 'POST', body: 'long' })
    expect(await wire.deliver(message)).toMatchObject({ ran: false, code: 'body-too-large', status: 413 })
  })
})

it('a caller who leaves while its body is read is written down once and answered by nobody', async () => {
  const wire = await createWire()
  const { method, target, raw } = await wire.capture({ method: 'POST', body: 'x' })
  wire.domain.sink.clear()
  const gone = Object.assign(new Error('aborted'), { name: 'AbortError' })
  const request = { method, target, fields: new Fields(raw) }
  const arrival = { request, mountPath: '', announcesBody: true, readBody: () => Promise.reject(gone) }
  await expect(admit(wire.guard, arrival)).rejects.toBe(gone)
  await wire.ledger.audit.flush()
  expect(wire.domain.sink.events).toMatchObject([{ side: 'callee', code: 'transport-failed', effect: 'deny' }])
})
