import { expect, it } from 'vitest'
import { CountersignError } from '../../../src/core/errors.ts'
import { Fields } from '../../../src/core/message.ts'
import { admit } from '../../../src/flow/admit.ts'
import { checkGuardOptions, guardSettings } from '../../../src/flow/inbound/guard-settings.ts'
import { engineOf } from '../../../src/flow/workload.ts'
import { allowAuthenticated } from '../../../src/policy/allow-authenticated.ts'
import { createWire, fieldAt } from '../../refusals/wire.ts'

it('a proof that was used before is refused', async () => {
  const wire = await createWire()
  const message = await wire.capture()
  expect(await wire.deliver(message)).toMatchObject({ ran: true })
  expect(await wire.deliver(message)).toMatchObject({ ran: false, code: 'proof-replayed', events: 1 })
})

it('a store of seen proofs that is down or full refuses the call', async () => {
  const wire = await createWire()
  for (const [failure, code] of [
    [new Error('connection refused'), 'replay-unavailable'],
    [new CountersignError('replay-full'), 'replay-full'],
  ] as const) {
    const claim = () => {
      throw failure
    }
    const engine = { ...engineOf(wire.ledger), replay: { claim } }
    const guard = guardSettings(engine, checkGuardOptions({ policy: allowAuthenticated() }))
    const { method, target, raw } = await wire.capture()
    const request = { method, target, fields: new Fields(raw) }
    const admission = await admit(guard, {
      request,
      mountPath: '',
      announcesBody: false,
      readBody: () => new Uint8Array(0),
    })
    expect(admission).toMatchObject({ kind: 'answered', error: { code }, response: { status: 503 } })
  }
})

it('claims under callee, caller and nonce, and takes nothing but "fresh" for fresh', async () => {
  const wire = await createWire()
  for (const [said, kind] of [
    ['fresh', 'admitted'],
    ['seen', 'answered'],
    [undefined, 'answered'],
    ['OK', 'answered'],
  ] as const) {
    const names: string[] = []
    const claim = (name: string) => {
      names.push(name)
      // What a store in JavaScript may answer.
      return said as 'fresh'
    }
    const engine = { ...engineOf(wire.ledger), replay: { claim } }
    const guard = guardSettings(engine, checkGuardOptions({ policy: allowAuthenticated() }))
    const message = await wire.capture()
    const { method, target, raw } = message
    const request = { method, target, fields: new Fields(raw) }
    const arrival = { request, mountPath: '', announcesBody: false, readBody: () => new Uint8Array(0) }
    expect((await admit(guard, arrival)).kind).toBe(kind)
    const nonce = /nonce="([^"]+)"/.exec(fieldAt(message, 'signature-input'))?.[1]
    expect(names).toEqual([`${wire.ledger.id} ${wire.orders.id} ${nonce}`])
  }
})
