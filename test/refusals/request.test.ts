import { beforeAll, describe, expect, it } from 'vitest'
import type { Code } from '../../src/core/codes.ts'
import {
  coveredFields,
  createWire,
  doubledField,
  fieldAt,
  flip,
  type OnTheWire,
  type Outcome,
  type Wire,
  withField,
  withoutField,
} from './wire.ts'

const body = '{"amount":100,"currency":"EUR"}'
const init = {
  method: 'POST',
  headers: { 'content-type': 'application/json', 'x-tenant': 'acme', authorization: 'Basic eDp5' },
  body,
}

/** Everything that may be said of a request that was changed on its way. */
const refusals: readonly Code[] = [
  'request-malformed',
  'target-not-canonical',
  'signature-malformed',
  'proof-missing',
  'proof-ambiguous',
  'proof-incomplete',
  'proof-invalid',
  'proof-expired',
  'audience-mismatch',
  'field-not-covered',
  'session-unknown',
  'token-malformed',
  'token-missing',
  'token-invalid',
  'token-untrusted',
  'token-expired',
  'digest-malformed',
  'digest-mismatch',
  'envelope-malformed',
  'body-unannounced',
]

function expectRefused(outcome: Outcome, expected: readonly Code[] = refusals): void {
  expect(outcome.ran, outcome.code).toBe(false)
  expect(outcome.events).toBe(1)
  expect(outcome.status).toBe(400)
  expect(expected).toContain(outcome.code)
}

describe.each(['signature', 'session'] as const)(
  'a request proven by a %s that was changed on its way is refused',
  (proof) => {
    let wire: Wire
    let message: OnTheWire

    beforeAll(async () => {
      wire = await createWire({}, proof)
      message = await wire.capture(init)
    })

    it('is admitted as it was sent', async () => {
      const honest = await wire.deliver(await wire.capture(init))
      expect(honest).toMatchObject({ ran: true, status: 200, events: 1, code: undefined, signed: true })
      expect(coveredFields(message).includes('workload-identity-token')).toBe(proof === 'signature')
      expect(fieldAt(message, 'signature-input').includes('keyid=')).toBe(proof === 'session')
    })

    it.each([1, 2, 0x20])('each character of the method, bit %i', async (bit) => {
      for (let i = 0; i < message.method.length; i++) {
        expectRefused(await wire.deliver({ ...message, method: flip(message.method, i, bit) }), [
          'proof-invalid',
          'request-malformed',
        ])
      }
    })

    it.each([1, 2, 0x20])('each character of the target, bit %i', async (bit) => {
      for (let i = 0; i < message.target.length; i++) {
        const outcome = await wire.deliver({ ...message, target: flip(message.target, i, bit) })
        expectRefused(outcome, ['proof-invalid', 'target-not-canonical'])
      }
    })

    it.each([1, 4])('each byte of the body, bit %i', async (bit) => {
      for (let i = 0; i < message.body.length; i++) {
        const changed = new Uint8Array(message.body)
        changed[i] = (changed[i] as number) ^ bit
        expectRefused(await wire.deliver({ ...message, body: changed }), ['digest-mismatch'])
        // The proof was claimed with the first of them: the rest need one of their own.
        message = await wire.capture(init)
      }
    })

    it('a body cut short, made longer, emptied or added', async () => {
      const cases: Uint8Array<ArrayBuffer>[] = [
        message.body.slice(0, -1),
        new Uint8Array([...message.body, 32]),
        new Uint8Array(0),
      ]
      for (const changed of cases) {
        const fresh = await wire.capture(init)
        expectRefused(await wire.deliver({ ...fresh, body: changed }), ['digest-mismatch'])
      }
      const bodyless = await wire.capture({ method: 'GET' })
      expectRefused(await wire.deliver({ ...bodyless, body: new Uint8Array([1]) }), ['body-unannounced'])
    })

    it.each([1, 2, 8])(
      'each character of each covered field, bit %i',
      async (bit) => {
        for (const name of coveredFields(message)) {
          const value = fieldAt(message, name)
          for (let i = 0; i < value.length; i++) {
            expectRefused(await wire.deliver(withField(message, name, flip(value, i, bit))))
          }
        }
      },
      60_000,
    )

    it.each([1, 2, 8])('each character of the signature fields, bit %i', async (bit) => {
      for (const name of ['signature', 'signature-input']) {
        const value = fieldAt(message, name)
        for (let i = 0; i < value.length; i++) {
          expectRefused(await wire.deliver(withField(message, name, flip(value, i, bit))))
        }
      }
    })

    it('each covered field dropped', async () => {
      for (const name of [...coveredFields(message), 'signature', 'signature-input']) {
        const expected: Code[] = name.startsWith('signature')
          ? ['signature-malformed', 'proof-missing']
          : ['proof-invalid', 'token-missing']
        expectRefused(await wire.deliver(withoutField(message, name)), expected)
      }
    })

    it('each covered field doubled', async () => {
      for (const name of [...coveredFields(message), 'signature', 'signature-input']) {
        const expected: Code[] = ['proof-invalid', 'token-malformed', 'signature-malformed', 'proof-ambiguous']
        expectRefused(await wire.deliver(doubledField(message, name)), expected)
      }
    })

    it('both signature fields dropped', async () => {
      expectRefused(await wire.deliver(withoutField(withoutField(message, 'signature'), 'signature-input')), [
        'proof-missing',
      ])
    })

    it('never reads the body of a stranger', async () => {
      for (const changed of [
        withField(message, 'signature', flip(fieldAt(message, 'signature'), 20)),
        withoutField(message, proof === 'signature' ? 'workload-identity-token' : 'content-type'),
      ]) {
        expect((await wire.deliver(changed)).bodyWasRead).toBe(false)
      }
    })

    it('signs its refusals for strangers within their ration only', async () => {
      const changed = withField(message, 'x-tenant', 'evil')
      let signed = 0
      for (let i = 0; i < 2_005; i++) if ((await wire.deliver(changed, '192.0.2.1')).signed) signed++
      expect(signed).toBeGreaterThan(0)
      expect(signed).toBeLessThanOrEqual(4_000)
      expect((await wire.deliver(changed, '192.0.2.2')).signed).toBe(true)
    }, 60_000)
  },
)

describe.each(['signature', 'session'] as const)('a proof by a %s holds once, here, and now', (proof) => {
  it('a replay in the window is refused, and after it, too', async () => {
    const wire = await createWire({}, proof)
    const message = await wire.capture(init)
    expect((await wire.deliver(message)).ran).toBe(true)
    expectRefused(await wire.deliver(message), ['proof-replayed'])
    wire.domain.clock.advance(59)
    expectRefused(await wire.deliver(message), ['proof-replayed'])
    wire.domain.clock.advance(40)
    expectRefused(await wire.deliver(message), ['proof-expired'])
    wire.domain.clock.advance(100_000)
    expectRefused(await wire.deliver(message), ['token-expired', 'proof-expired', 'session-unknown'])
  })

  it('of a hundred copies at once one is admitted', async () => {
    const wire = await createWire({}, proof)
    const message = await wire.capture(init)
    const statuses = await Promise.all(Array.from({ length: 100 }, () => wire.deliver(message).then(({ ran }) => ran)))
    expect(statuses.filter(Boolean)).toHaveLength(1)
  })

  it('a proof from the future is refused', async () => {
    const wire = await createWire({}, proof)
    const message = await wire.capture(init)
    wire.domain.clock.advance(-31)
    expectRefused(await wire.deliver(message), ['proof-expired'])
    wire.domain.clock.advance(2)
    expect((await wire.deliver(message)).ran).toBe(true)
  })

  it('a proof for another audience is refused', async () => {
    const wire = await createWire({}, proof)
    const message = await wire.capture({
      ...init,
      countersign: { seal: 'never', audience: 'spiffe://acme.test/payments' },
    })
    expectRefused(await wire.deliver(message), ['audience-mismatch'])
    const byUrl = await wire.capture({
      ...init,
      countersign: { seal: 'never', audience: 'https://ledger.test/v1/charges' },
    })
    expectRefused(await wire.deliver(byUrl), ['audience-mismatch'])
  })
})
