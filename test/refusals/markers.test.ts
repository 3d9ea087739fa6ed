import { inspect } from 'node:util'
import { expect, it } from 'vitest'
import { memorySink } from '../../src/audit/memory-sink.ts'
import { engineOf } from '../../src/flow/workload.ts'
import { testDomain } from '../../src/testing/test-domain.ts'
import { createWire, fieldAt, withField } from './wire.ts'

const MARK = 'MARKER7f3a'

it.each(['signature', 'session'] as const)('what is secret reaches no error, log or event: by a %s', async (proof) => {
  const wire = await createWire({}, proof)
  const lines: string[] = []
  const init = {
    method: 'POST',
    headers: { authorization: `Bearer ${MARK}-header`, cookie: `${MARK}-cookie`, 'x-secret': `${MARK}-field` },
    body: `${MARK}-body`,
  }
  const honest = await wire.capture(init, `/v1/charges?token=${MARK}-query`)
  const changes = [
    honest,
    withField(honest, 'workload-identity-token', `${MARK}.${MARK}.${MARK}`),
    withField(honest, 'signature', `wimse=:${MARK}:`),
    withField(honest, 'signature-input', `${fieldAt(honest, 'signature-input')};x="${MARK}"`),
    withField(honest, 'content-digest', `sha-256=:${MARK}:`),
    withField(honest, 'x-secret', `${MARK}-changed`),
    { ...honest, body: new TextEncoder().encode(`${MARK}-other`) },
    { ...honest, target: `${honest.target}&more=${MARK}` },
    { ...honest, raw: [...honest.raw, 'x-uncovered', `${MARK}-uncovered`] },
  ]
  for (const message of changes) {
    await wire.deliver(message)
    lines.push(...wire.domain.sink.events.map((event) => JSON.stringify(event)))
  }
  expect(lines.length).toBeGreaterThanOrEqual(changes.length)
  expect(lines.filter((line) => line.includes(MARK))).toEqual([])
})

it('keys and tokens reach no error, and no print of a workload', async () => {
  const domain = await testDomain('acme.test')
  const sink = memorySink()
  const { keys } = await domain.credentials()
  const orders = await domain.workload('orders', {
    audit: sink,
    peers: { 'https://ledger.test': 'spiffe://acme.test/ledger' },
    transport: () => Promise.reject(new TypeError('fetch failed')),
  })
  const credential = await engineOf(orders).credentials.current()
  const secrets = [
    credential.token,
    ...keys.map(({ d }) => String(d)),
    ...engineOf(orders)
      .credentials.sealKeys()
      .map(({ jwk }) => String(jwk.d)),
  ]
  const error = await orders
    .fetch('https://ledger.test/x', { method: 'POST', body: 'b', countersign: { seal: 'never' } })
    .catch((cause: unknown) => cause)
  await orders.audit.flush()
  const printed = [
    inspect(error, { depth: 9 }),
    JSON.stringify(error),
    inspect(orders, { depth: 9, showHidden: true }),
    JSON.stringify(orders),
    JSON.stringify(sink.events),
  ]
  for (const text of printed) for (const secret of secrets) expect(text).not.toContain(secret)
})
