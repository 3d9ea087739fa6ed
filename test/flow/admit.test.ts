import { describe, expect, it } from 'vitest'
import { utf8 } from '../../src/core/bytes.ts'
import { CountersignError } from '../../src/core/errors.ts'
import { Fields } from '../../src/core/message.ts'
import { admit } from '../../src/flow/admit.ts'
import { checkGuardOptions, guardSettings } from '../../src/flow/inbound/guard-settings.ts'
import { engineOf } from '../../src/flow/workload.ts'
import type { Authenticator } from '../../src/peer/authenticator.ts'
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
  it('while observing, too, a session that is not open here is refused: the caller makes its call again', async () => {
    const wire = await createWire({ mode: 'observe', policy: { decide: () => ({ effect: 'allow' }) } }, 'session')
    const message = await wire.capture({ method: 'POST', body: 'x' })
    wire.ledger.endSessions(() => true)
    const refused = { ran: false, status: 400, code: 'session-unknown', bodyWasRead: false, signed: true, events: 1 }
    expect(await wire.deliver(message)).toMatchObject(refused)
  })

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

describe('observing, again', () => {
  const open = { decide: () => ({ effect: 'allow' as const }) }

  it('lets nothing pass that failed for another reason than the proof', async () => {
    const broken: Authenticator = { name: 'broken', authenticate: () => null as unknown as undefined }
    const wire = await createWire({ mode: 'observe', policy: open, accept: [broken] })
    expect(await wire.deliver(await wire.capture())).toMatchObject({ ran: false, status: 400 })
  })

  it('keeps the body that did not match, and lets none pass that could not be read', async () => {
    const wire = await createWire({ mode: 'observe', policy: open })
    const { method, target, raw } = await wire.capture({ method: 'POST', body: 'abc' })
    const request = { method, target, fields: new Fields(raw) }
    const arrival = { request, mountPath: '', announcesBody: true }
    const other = await admit(wire.guard, { ...arrival, readBody: () => utf8('abd') })
    expect(other).toMatchObject({ kind: 'admitted', stage: { observed: 'digest-mismatch', body: utf8('abd') } })
    const unreadable = () => Promise.reject(new TypeError('terminated'))
    const lost = await admit(wire.guard, { ...arrival, readBody: unreadable })
    expect(lost).toMatchObject({ kind: 'answered', error: { code: 'request-malformed' } })
  })
})

it('tells a handler whether its body came sealed', async () => {
  const wire = await createWire()
  for (const seal of ['always', 'never'] as const) {
    const { method, target, raw, body } = await wire.capture({ method: 'POST', body: 'x', countersign: { seal } })
    const request = { method, target, fields: new Fields(raw) }
    const admission = await admit(wire.guard, { request, mountPath: '', announcesBody: true, readBody: () => body })
    expect(admission).toMatchObject({ kind: 'admitted', call: { sealed: seal === 'always' } })
  }
})

it('signs no answer to a body that nobody has proven', async () => {
  const wire = await createWire({ mode: 'observe', policy: { decide: () => ({ effect: 'allow' }) } })
  const message = await wire.capture({ method: 'POST', body: 'abc' })
  const outcome = await wire.deliver({ ...message, body: utf8('abd') })
  expect(outcome).toMatchObject({ ran: true, code: 'digest-mismatch', signed: false, events: 1 })
})
