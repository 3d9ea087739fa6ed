import { expect, it } from 'vitest'
import { utf8 } from '../../../src/core/bytes.ts'
import { answerContext } from '../../../src/envelope/http-context.ts'
import { seal as sealBytes } from '../../../src/envelope/seal.ts'
import { sealedFields } from '../../../src/flow/envelope-field.ts'
import { sessionKeyringOf } from '../../../src/flow/keyring-of.ts'
import { testDomain } from '../../../src/testing/test-domain.ts'
import { answerTo } from '../../refusals/session-answer.ts'
import { createTap, nameOf } from '../../refusals/session-wire.ts'

it('shows the caller nothing of the proof, and the inner type of a sealed answer, or none', async () => {
  const domain = await testDomain('acme.test')
  let type: string | undefined = 'text/inner'
  domain.serve(await domain.workload('ledger'), 'https://ledger.test', () => {
    const headers: Record<string, string> = type === undefined ? {} : { 'content-type': type }
    return new Response(new Uint8Array([1]), { headers: { 'x-own': '1', date: 'today', ...headers } })
  })
  const orders = await domain.workload('orders')
  for (const seal of ['always', 'never'] as const) {
    for (type of ['text/inner', undefined]) {
      const { headers } = await orders.fetch('https://ledger.test/a', { countersign: { seal } })
      const expected = ['cache-control', 'date', 'x-own', ...(type === undefined ? [] : ['content-type'])]
      expect([...headers.keys()].sort()).toEqual(expected.sort())
      expect(headers.get('content-type')).toBe(type ?? null)
    }
  }
})

it('takes an answer without a body to a call that had to be sealed', async () => {
  const domain = await testDomain('acme.test')
  domain.serve(await domain.workload('ledger'), 'https://ledger.test', () => new Response(null, { status: 204 }))
  const orders = await domain.workload('orders')
  const countersign = { seal: 'always' as const }
  expect((await orders.fetch('https://ledger.test/a', { countersign })).status).toBe(204)
  expect((await orders.fetch('https://ledger.test/a', { method: 'HEAD', countersign })).status).toBe(204)
})

it('gives back as it came what observing let pass', async () => {
  const domain = await testDomain('acme.test')
  const ledger = await domain.workload('ledger')
  const headers = { 'x-legacy': '1', 'set-cookie': 'a=1' }
  const orders = await domain.workload('orders', {
    mode: 'observe',
    peers: { 'https://ledger.test': ledger.id },
    transport: async () => new Response('legacy', { headers }),
  })
  const answer = await orders.fetch('https://ledger.test/a')
  expect([answer.headers.get('x-legacy'), answer.headers.getSetCookie()]).toEqual(['1', ['a=1']])
})

it("an answer sealed to another key than that of the call's session and direction is refused", async () => {
  const tap = await createTap()
  const { id, keys } = await tap.session()
  const outcomes: string[] = []
  for (const key of [keys.serverSeal, keys.clientSeal, keys.serverMac]) {
    tap.between = async (message) => {
      const context = answerContext({
        method: message.method,
        target: message.target,
        sender: tap.ledger.id,
        receiver: tap.orders.id,
        contentType: 'text/plain',
        callName: nameOf(message),
        status: 200,
      })
      const body = await sealBytes(utf8('ok'), { to: sessionKeyringOf(id, key), context })
      const fields = Object.entries(sealedFields('text/plain')).flat()
      return answerTo(message, { body, fields, by: { id, key: keys.serverMac } })
    }
    const countersign = { seal: 'always' as const }
    outcomes.push(
      await tap.call('/a', { countersign }).then(
        (answer) => answer.text(),
        ({ code }) => code,
      ),
    )
  }
  expect(outcomes).toEqual(['ok', 'unopened', 'unopened'])
})
