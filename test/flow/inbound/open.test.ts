import { expect, it } from 'vitest'
import { utf8 } from '../../../src/core/bytes.ts'
import { Fields } from '../../../src/core/message.ts'
import { requestContext } from '../../../src/envelope/http-context.ts'
import { seal } from '../../../src/envelope/seal.ts'
import { admit } from '../../../src/flow/admit.ts'
import { sealedFields } from '../../../src/flow/envelope-field.ts'
import { open } from '../../../src/flow/inbound/open.ts'
import { sessionKeyringOf } from '../../../src/flow/keyring-of.ts'
import { definePolicy } from '../../../src/policy/define-policy.ts'
import { createTap, forge, forgeSigned } from '../../refusals/session-wire.ts'
import { createWire, withoutField } from '../../refusals/wire.ts'

const sealed = { method: 'POST', body: 'for the ledger alone', countersign: { seal: 'always' as const } }
const anybody = definePolicy({ version: 1, rules: [{ id: 'all', effect: 'allow', from: ['anonymous'], to: ['* /*'] }] })

it('opens what was sealed to it', async () => {
  const wire = await createWire()
  const message = await wire.capture(sealed)
  expect(new TextDecoder('latin1').decode(message.body)).not.toContain('for the ledger alone')
  expect(await wire.deliver(message)).toMatchObject({ ran: true, status: 200, signed: true })
})

it('a sealed body that no proof covers is refused', async () => {
  const sound = await createWire()
  const { method, target, raw, body } = await sound.capture(sealed)
  const request = { method, target, fields: new Fields(raw) }
  const arrival = { request, mountPath: '', announcesBody: true, readBody: () => body }
  const admission = await admit(sound.guard, arrival)
  if (admission.kind !== 'admitted') throw admission.error
  for (const lacking of [{ proof: undefined }, { token: undefined }, { bytes: undefined }]) {
    const opening = async () => open(sound.guard, { ...admission.stage, ...lacking })
    await expect(opening()).rejects.toMatchObject({ code: 'unopened' })
  }
})

it('refuses a sealed body while observing, too', async () => {
  const wire = await createWire({ policy: anybody, mode: 'observe' })
  const message = await wire.capture(sealed)
  const bare = ['signature', 'signature-input', 'workload-identity-token'].reduce(withoutField, message)
  expect(await wire.deliver(bare)).toMatchObject({ ran: false, code: 'encryption-required' })
  const wrong = await wire.capture(sealed)
  expect(await wire.deliver({ ...wrong, target: '/elsewhere' })).toMatchObject({ ran: false })
})

it('a sealed body of another call is refused with one code', async () => {
  const wire = await createWire({ mode: 'observe' })
  const one = await wire.capture(sealed)
  const two = await wire.capture(sealed)
  expect(await wire.deliver({ ...one, body: two.body })).toMatchObject({ ran: false, code: 'unopened', status: 400 })
})

it("a body sealed to another key than that of the call's session and direction is refused", async () => {
  const tap = await createTap()
  const { id, keys } = await tap.session()
  const sealedTo = (key: typeof keys.clientSeal, callName: string) =>
    seal(utf8('x'), {
      to: sessionKeyringOf(id, key),
      context: requestContext({
        method: 'POST',
        target: '/v1/charges',
        sender: tap.orders.id,
        receiver: tap.ledger.id,
        contentType: 'text/plain',
        callName,
      }),
    })
  const headers = sealedFields('text/plain')
  const send = async (key: typeof keys.clientSeal, counter: number) => {
    const body = await sealedTo(key, `${id}.${counter}`)
    return tap.codeOf(await forge(tap, { id, key: keys.clientMac, counter, body, headers }))
  }
  expect(await send(keys.clientSeal, 101)).toBe('ran')
  expect(await send(keys.serverSeal, 102)).toBe('unopened')
  expect(await send(keys.clientMac, 103)).toBe('unopened')
  const bySignature = { nonce: 'a-signature', body: await sealedTo(keys.clientSeal, 'a-signature'), headers }
  expect(await tap.codeOf(await forgeSigned(tap, tap.orders, bySignature))).toBe('unopened')
})
