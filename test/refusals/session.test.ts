import { describe, expect, it } from 'vitest'
import { utf8 } from '../../src/core/bytes.ts'
import type { Jwk } from '../../src/crypto/primitives.ts'
import { requestContext } from '../../src/envelope/http-context.ts'
import { type Recipient, recipient } from '../../src/envelope/recipients.ts'
import { seal } from '../../src/envelope/seal.ts'
import { sealedFields } from '../../src/flow/envelope-field.ts'
import { checkGuardOptions, guardSettings } from '../../src/flow/inbound/guard-settings.ts'
import { sessionKeyringOf } from '../../src/flow/keyring-of.ts'
import { engineOf } from '../../src/flow/workload.ts'
import { workloadProof } from '../../src/peer/workload-proof.ts'
import { allowAuthenticated } from '../../src/policy/allow-authenticated.ts'
import { WINDOW_WIDTH } from '../../src/session/window.ts'
import { createTap, forge, forgeSigned, keyidOf, nameOf, type Tap } from './session-wire.ts'
import { fieldAt, LEDGER, type OnTheWire, withField } from './wire.ts'

/** A forged request under the caller's own session: what its holder, or a thief of one key, can send. */
async function under(tap: Tap, what: Partial<Parameters<typeof forge>[1]>): Promise<OnTheWire> {
  const { id, keys } = await tap.session()
  return forge(tap, { id, key: keys.clientMac, counter: 1000, ...what })
}

describe('a call under a session runs once', () => {
  it('a copy within the window, after it, and once everything has expired', async () => {
    const tap = await createTap()
    const message = await tap.capture()
    expect(keyidOf(message)).toBe((await tap.session()).id)
    expect(await tap.codeOf(message)).toBe('ran')
    expect(await tap.codeOf(message)).toBe('proof-replayed')
    expect(await tap.codeOf(await under(tap, { counter: WINDOW_WIDTH }))).toBe('ran')
    expect(await tap.codeOf(message)).toBe('proof-replayed')
    expect(await tap.codeOf(await under(tap, { counter: WINDOW_WIDTH + 1 }))).toBe('ran')
    expect(await tap.codeOf(message)).toBe('proof-replayed')
    tap.domain.clock.advance(89)
    expect(await tap.codeOf(message)).toBe('proof-replayed')
    tap.domain.clock.advance(1)
    expect(await tap.codeOf(message)).toBe('proof-expired')
    tap.domain.clock.advance(600)
    expect(await tap.codeOf(message)).toBe('session-unknown')
  })

  it('of a hundred copies at once one is admitted', async () => {
    const tap = await createTap()
    const message = await tap.capture()
    await Promise.all(Array.from({ length: 100 }, () => tap.deliver(message)))
    expect(tap.ran).toHaveLength(1)
  })

  it('a counter that has fallen out of the window although nobody used it', async () => {
    const tap = await createTap()
    const late = await tap.capture()
    expect(await tap.codeOf(await under(tap, { counter: WINDOW_WIDTH + 1 }))).toBe('ran')
    expect(await tap.codeOf(late)).toBe('proof-replayed')
    expect(await tap.codeOf(await under(tap, { counter: 2 ** 53 - 1 }))).toBe('ran')
    expect(await tap.codeOf(await under(tap, { counter: WINDOW_WIDTH + 2 }))).toBe('proof-replayed')
    expect(await tap.codeOf(await under(tap, { counter: 2 ** 53 - WINDOW_WIDTH }))).toBe('ran')
  })

  it('one counter for another request, whichever came first', async () => {
    const tap = await createTap()
    for (const [counter, other] of [
      [5, { target: '/v1/refunds' }],
      [6, { body: utf8('{"amount":2}') }],
      [7, { headers: { 'x-tenant': 'other' } }],
      [8, { lifetimeSeconds: 300 }],
    ] as const) {
      expect(await tap.codeOf(await under(tap, { counter }))).toBe('ran')
      expect(await tap.codeOf(await under(tap, { counter, ...other }))).toBe('proof-replayed')
    }
  })

  it('other spellings of a counter, none, and counters that are none', async () => {
    const tap = await createTap()
    const counters = [
      '0',
      '01',
      '+1',
      '-1',
      '1.0',
      '1e3',
      ' 1',
      '1 ',
      '0x1',
      '9007199254740992',
      '99999999999999999',
      '',
    ]
    for (const counter of counters) {
      expect(await tap.codeOf(await under(tap, { counter })), `"${counter}"`).toBe('proof-incomplete')
    }
    expect(tap.ran).toEqual([])
  })

  it('a proof for longer than five minutes, for another audience, from the future', async () => {
    const tap = await createTap()
    expect(await tap.codeOf(await under(tap, { counter: 2, lifetimeSeconds: 301 }))).toBe('proof-expired')
    expect(await tap.codeOf(await under(tap, { counter: 3, lifetimeSeconds: 0 }))).toBe('proof-expired')
    expect(await tap.codeOf(await under(tap, { counter: 4, audience: tap.orders.id }))).toBe('audience-mismatch')
    expect(await tap.codeOf(await under(tap, { counter: 5, audience: LEDGER }))).toBe('audience-mismatch')
    const early = await under(tap, { counter: 6 })
    tap.domain.clock.advance(-31)
    expect(await tap.codeOf(early)).toBe('proof-expired')
    tap.domain.clock.advance(31)
    expect(await tap.codeOf(early)).toBe('ran')
  })
})

describe('a session belongs to one caller, one callee, one base URL and one role', () => {
  it('the session id of another peer', async () => {
    const tap = await createTap()
    const mallory = await createTap({ domain: tap.domain })
    mallory.guard = tap.guard
    const theirs = await tap.session()
    const own = await mallory.session()
    const stolen = await forge(tap, { id: theirs.id, key: own.keys.clientMac, counter: 1 })
    expect(await tap.codeOf(stolen)).toBe('proof-invalid')
    expect(
      await tap.codeOf(
        withField(stolen, 'signature-input', fieldAt(stolen, 'signature-input').replace(theirs.id, own.id)),
      ),
    ).toBe('proof-invalid')
  })

  it('a signature under the call name of another peer takes nothing from that peer', async () => {
    const tap = await createTap()
    const message = await tap.capture()
    const nonce = nameOf(message)
    const mallory = await tap.domain.workload('mallory')
    expect(await tap.codeOf(await forgeSigned(tap, mallory, { nonce }))).toBe('ran')
    expect(await tap.codeOf(message)).toBe('ran')
    expect(await tap.codeOf(message)).toBe('proof-replayed')
    expect(await tap.codeOf(await forgeSigned(tap, tap.orders, { nonce }))).toBe('proof-replayed')
  })

  it('a session nobody has opened, and one of another callee', async () => {
    const tap = await createTap()
    const other = await createTap({ domain: tap.domain })
    const { id, keys } = await other.session()
    expect(await tap.codeOf(await forge(tap, { id, key: keys.clientMac, counter: 1 }))).toBe('session-unknown')
    const unread = await tap.codeOf(await under(tap, { id: 'A'.repeat(22) }), {
      bodyComes: new Promise(() => undefined),
    })
    expect(unread).toBe('session-unknown')
    expect(await tap.codeOf(await under(tap, { id: 'A'.repeat(21) }))).toBe('proof-incomplete')
    expect(await tap.codeOf(await under(tap, { id: '' }))).toBe('proof-incomplete')
  })

  it('a session of base /api used on /other', async () => {
    const tap = await createTap()
    const at = '/api'
    tap.betweenHandshake = (message) => tap.deliver(message, { mountPath: at })
    tap.between = (message) => tap.deliver(message, { mountPath: at })
    const client = tap.orders.client({ peer: tap.ledger.id, baseUrl: `${LEDGER}${at}/` })
    expect((await client(`${LEDGER}/api/x`, { method: 'POST', body: '{}' })).status).toBe(200)
    const { id, keys } = tap.line(LEDGER + at).session ?? (await tap.session())
    let counter = 10
    for (const target of ['/other', '/', '/apis', '/API/x', '/ap', '/other?/api/x', '/api%2Fx']) {
      const message = await forge(tap, { id, key: keys.clientMac, counter: counter++, target })
      expect(await tap.codeOf(message), target).toMatch(/^(session-unknown|target-not-canonical)$/)
    }
    for (const target of ['/api', '/api/', '/api/x/y', '/api?x=/other']) {
      const message = await forge(tap, { id, key: keys.clientMac, counter: counter++, target })
      expect(await tap.codeOf(message, { mountPath: at }), target).toBe('ran')
    }
    await client(`${LEDGER}/other`, { method: 'POST', body: '{}' })
    expect(keyidOf(tap.sent.at(-1) as OnTheWire)).toBeUndefined()
  })

  it('at a guard that takes signatures only', async () => {
    const tap = await createTap()
    const message = await tap.capture()
    tap.guard = guardSettings(
      engineOf(tap.ledger),
      checkGuardOptions({ policy: allowAuthenticated(), accept: [workloadProof('signature')] }),
    )
    expect(await tap.codeOf(message)).toBe('session-unknown')
    expect((await tap.call()).status).toBe(200)
  })

  it('a request that comes back to its sender, who is a callee too', async () => {
    const tap = await createTap()
    const message = await forge(tap, {
      ...(await tap.session().then(({ id, keys }) => ({ id, key: keys.clientMac }))),
      counter: 9,
      audience: tap.orders.id,
    })
    tap.guard = guardSettings(engineOf(tap.orders), checkGuardOptions({ policy: allowAuthenticated() }))
    expect(await tap.codeOf(message)).toBe('session-unknown')
  })
})

describe('each key of a session has one use and one direction', () => {
  it('a request by the key that proves answers, or by one that seals', async () => {
    const tap = await createTap()
    const { keys } = await tap.session()
    for (const key of [keys.serverMac, keys.clientSeal, keys.serverSeal]) {
      expect(await tap.codeOf(await under(tap, { key }))).toBe('proof-invalid')
    }
    expect(await tap.codeOf(await under(tap, {}))).toBe('ran')
  })

  it('a body sealed with another key than that of the session and direction', async () => {
    const tap = await createTap()
    const { id, keys } = await tap.session()
    const callName = `${id}.77`
    const context = { target: '/v1/charges', sender: tap.orders.id, receiver: tap.ledger.id, contentType: 'text/plain' }
    const sealedTo = async (to: Recipient, name = callName) => {
      const body = await seal(utf8('x'), {
        to,
        context: requestContext({ method: 'POST', ...context, callName: name }),
      })
      return under(tap, { counter: 77, body, headers: sealedFields('text/plain') })
    }
    const fresh = async () => {
      tap.ledger.endSessions(() => true)
      tap.line().session = undefined
      return tap.session()
    }
    expect(await tap.codeOf(await sealedTo(sessionKeyringOf(id, keys.serverSeal)))).toBe('unopened')
    const next = await fresh()
    const toSealKey = recipient(engineOf(tap.orders).peers.of(tap.ledger.id).sealKey?.jwk as Jwk)
    expect(await tap.codeOf(await sealedTo(toSealKey, `${next.id}.77`))).toBe('unopened')
    const last = await fresh()
    const own = sessionKeyringOf(last.id, last.keys.clientSeal)
    const named = { method: 'POST', ...context, callName: `${last.id}.78` }
    const other = await seal(utf8('x'), { to: own, context: requestContext(named) })
    const headers = sealedFields('text/plain')
    expect(await tap.codeOf(await under(tap, { counter: 79, body: other, headers }))).toBe('unopened')
    expect(await tap.codeOf(await under(tap, { counter: 78, body: other, headers }))).toBe('ran')
  })
})
