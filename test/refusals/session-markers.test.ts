import { inspect } from 'node:util'
import { expect, it, vi } from 'vitest'
import { toBase64, toBase64url } from '../../src/core/base64url.ts'
import { hex } from '../../src/core/bytes.ts'
import { engineOf } from '../../src/flow/workload.ts'
import { createTap } from './session-wire.ts'
import { withField } from './wire.ts'

const secrets: Uint8Array[] = []

vi.mock('#crypto', async (original) => {
  const { primitives } = await original<typeof import('../../src/crypto/node.ts')>()
  const keep = (raw: Uint8Array) => {
    // What is passed is wiped afterwards: a copy is what a leak would show.
    secrets.push(new Uint8Array(raw))
    return raw
  }
  return {
    primitives: {
      ...primitives,
      macKey: (raw: Uint8Array) => primitives.macKey(keep(raw)),
      agree: async (...given: Parameters<typeof primitives.agree>) => {
        const secret = await primitives.agree(...given)
        if (secret !== undefined) keep(secret)
        return secret
      },
    },
  }
})

it('the keys of a session reach no event, no error and no print of whatever holds them', async () => {
  const tap = await createTap()
  const { session } = await tap.session().then(() => tap.line())
  const printed: string[] = []
  const note = (value: unknown) => {
    printed.push(inspect(value, { depth: 12, showHidden: true, maxArrayLength: null }), JSON.stringify(value) ?? '')
  }
  await tap.call('/a', { countersign: { seal: 'always' } })
  const message = await tap.capture()
  await tap.deliver(withField(message, 'signature', 'session=:AAAA:'))
  await tap.deliver({ ...message, body: new Uint8Array([1]) })
  tap.between = async (given) => ({ ...(await tap.deliver(given)), body: new Uint8Array([1]) })
  note(await tap.call().catch((error: unknown) => error))
  tap.ledger.endSessions((facts) => {
    note(facts)
    return true
  })
  await tap.orders.audit.flush()
  await tap.ledger.audit.flush()
  for (const value of [tap.domain.sink.events, tap.orders, tap.ledger, session, tap.line(), tap.answers, tap.sent])
    note(value)
  note(engineOf(tap.ledger).sessions)
  const text = printed.join('\n').replaceAll(/\s+/g, '')
  expect(secrets.length).toBeGreaterThanOrEqual(14)
  for (const secret of secrets) {
    if (secret.length < 16 || secret.every((byte) => byte === 0)) continue
    for (const spelled of [
      hex(secret),
      toBase64(secret).replace(/=+$/, ''),
      toBase64url(secret),
      [...secret].join(','),
    ]) {
      expect(text.includes(spelled)).toBe(false)
    }
  }
})
