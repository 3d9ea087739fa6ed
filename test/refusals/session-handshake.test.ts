import { describe, expect, it } from 'vitest'
import { fromUtf8, utf8 } from '../../src/core/bytes.ts'
import type { Jwk } from '../../src/crypto/primitives.ts'
import { SESSION_PATH } from '../../src/flow/discovery-path.ts'
import type { HttpAnswer } from '../../src/flow/http-answer.ts'
import { checkGuardOptions, guardSettings } from '../../src/flow/inbound/guard-settings.ts'
import { engineOf } from '../../src/flow/workload.ts'
import type { Authenticator } from '../../src/peer/authenticator.ts'
import { workloadProof } from '../../src/peer/workload-proof.ts'
import { allowAuthenticated } from '../../src/policy/allow-authenticated.ts'
import { createHalf } from '../../src/session/agreement.ts'
import { contentDigest } from '../../src/signature/content-digest.ts'
import { testDomain } from '../../src/testing/test-domain.ts'
import { createTap, forge, forgeSigned, keyidOf, type Tap } from './session-wire.ts'
import { fieldAt, LEDGER, type OnTheWire, withField, withoutField } from './wire.ts'

type Json = Record<string, unknown>

const json = { 'content-type': 'application/json' }
const parsed = (bytes: Uint8Array | undefined) => JSON.parse(fromUtf8(bytes ?? new Uint8Array(0))) as Json
const bytesOf = (document: unknown) => utf8(JSON.stringify(document))
const share = async (): Promise<Jwk> => (await createHalf('P-256')).jwk

/** An offer as the caller signs it itself: whatever it says. */
function offer(tap: Tap, body: unknown, headers: Readonly<Record<string, string>> = json): Promise<OnTheWire> {
  const bytes = body instanceof Uint8Array ? new Uint8Array(body) : bytesOf(body)
  const nonce = crypto.randomUUID()
  return forgeSigned(tap, tap.orders, { nonce, target: SESSION_PATH, body: bytes, headers })
}

const size = (tap: Tap) => engineOf(tap.ledger).sessions?.table.size

/** The next call is made with a signature and works; and none before five minutes are over tries for a session. */
async function staysWithSignatures(tap: Tap): Promise<void> {
  const before = tap.handshakes.length
  for (let i = 0; i < 3; i++) {
    expect((await tap.call()).status).toBe(200)
    expect(keyidOf(tap.sent.at(-1) as OnTheWire)).toBeUndefined()
    expect(fieldAt(tap.sent.at(-1) as OnTheWire, 'workload-identity-token')).not.toBe('')
  }
  expect(tap.handshakes.length - before).toBeLessThanOrEqual(1)
  expect(tap.line().session).toBeUndefined()
}

describe('a handshake that somebody changed opens nothing, and takes nothing from the calls', () => {
  const swap = async (bytes: Uint8Array) => bytesOf({ ...parsed(bytes), kex: await share() })
  const offers: Record<string, (message: OnTheWire) => Promise<OnTheWire> | OnTheWire> = {
    'the share was swapped': async (message) => ({ ...message, body: await swap(message.body) }),
    'the share was swapped, the digest too': async (message) => {
      const body = await swap(message.body)
      return { ...withField(message, 'content-digest', await contentDigest(body)), body }
    },
    'the version was changed': (message) => ({ ...message, body: bytesOf({ ...parsed(message.body), v: 2 }) }),
    'the proof was stripped': (message) => withoutField(withoutField(message, 'signature'), 'signature-input'),
    'it was sent somewhere else': (message) => ({ ...message, target: `/api${message.target}` }),
    'the method was changed': (message) => ({ ...message, method: 'PUT' }),
  }
  it.each(Object.keys(offers))('the offer: %s', async (name) => {
    const tap = await createTap()
    tap.betweenHandshake = async (message) => tap.deliver((await offers[name]?.(message)) ?? message)
    await staysWithSignatures(tap)
    expect(size(tap)).toBe(0)
  })

  const answers: Record<string, (answer: HttpAnswer) => Promise<HttpAnswer> | HttpAnswer> = {
    'the share was swapped': async (answer) => ({ ...answer, body: await swap(answer.body ?? new Uint8Array(0)) }),
    'the share was swapped, the digest too': async (answer) => {
      const body = await swap(answer.body ?? new Uint8Array(0))
      return { ...answer, fields: answer.fields.with({ 'content-digest': await contentDigest(body) }), body }
    },
    'the name was changed': (answer) => ({ ...answer, body: bytesOf({ ...parsed(answer.body), id: 'A'.repeat(22) }) }),
    'the time was changed': (answer) => ({ ...answer, body: bytesOf({ ...parsed(answer.body), expiresIn: 1 }) }),
    'sealing was taken away': (answer) => ({ ...answer, body: bytesOf({ ...parsed(answer.body), seal: false, x: 1 }) }),
    'the proof was stripped': (answer) => ({
      ...answer,
      fields: answer.fields.filter((one) => !one.startsWith('signature')),
    }),
    'the token was stripped': (answer) => ({
      ...answer,
      fields: answer.fields.filter((one) => one !== 'workload-identity-token'),
    }),
    'the status was changed': (answer) => ({ ...answer, status: 201 }),
    'it was lost': () => Promise.reject(new TypeError('fetch failed')),
  }
  it.each(Object.keys(answers))('the answer: %s', async (name) => {
    const tap = await createTap()
    tap.betweenHandshake = async (message) => {
      const answer = await tap.deliver(message)
      return (await answers[name]?.(answer)) ?? answer
    }
    await staysWithSignatures(tap)
  })

  it('the answer to another offer: of the same caller, and of another', async () => {
    const tap = await createTap()
    await tap.session()
    const old = tap.answers[0] as HttpAnswer
    const mallory = await createTap({ domain: tap.domain })
    mallory.guard = tap.guard
    await mallory.session()
    const foreign = mallory.answers[0] as HttpAnswer
    for (const given of [old, foreign]) {
      const next = await createTap({ domain: tap.domain })
      next.guard = tap.guard
      next.betweenHandshake = async () => given
      await staysWithSignatures(next)
    }
  })

  it('one in the middle who answers both ends shares no key with either', async () => {
    const tap = await createTap()
    const mallory = await tap.domain.workload('mallory')
    tap.betweenHandshake = async (message) => {
      // Mallory opens a session of its own, and hands its answer over as the one that was asked for.
      const own = await forgeSigned(tap, mallory, {
        nonce: 'm',
        target: SESSION_PATH,
        body: message.body,
        headers: json,
      })
      return tap.deliver(own)
    }
    await staysWithSignatures(tap)
  })

  it('a copy of an offer opens no second session', async () => {
    const tap = await createTap()
    await tap.session()
    expect(await tap.codeOf(tap.handshakes[0] as OnTheWire)).toBe('proof-replayed')
    expect(size(tap)).toBe(1)
  })
})

describe('who may open a session', () => {
  it('nobody, and nobody by a session', async () => {
    const tap = await createTap()
    const { id, keys } = await tap.session()
    const body = bytesOf({ v: 1, kex: await share() })
    const naked = { method: 'POST', target: SESSION_PATH, raw: ['content-type', 'application/json'], body }
    expect(await tap.codeOf(naked)).toBe('proof-missing')
    const bySession = await forge(tap, {
      id,
      key: keys.clientMac,
      counter: 9,
      target: SESSION_PATH,
      body,
      headers: json,
    })
    expect(await tap.codeOf(bySession)).toBe('proof-missing')
    expect(size(tap)).toBe(1)
  })

  it('an authenticator of one’s own opens none, nor does who is only observed', async () => {
    const badge: Authenticator = { name: 'badge', authenticate: () => ({ id: 'user:1' }) }
    const tap = await createTap()
    const body = bytesOf({ v: 1, kex: await share() })
    const naked = { method: 'POST', target: SESSION_PATH, raw: ['content-type', 'application/json'], body }
    for (const more of [
      { accept: [badge, workloadProof()] },
      { mode: 'observe' as const },
      { exempt: [SESSION_PATH] },
    ]) {
      const options = checkGuardOptions({ policy: allowAuthenticated(), ...more })
      tap.guard = guardSettings(engineOf(tap.ledger), options)
      expect(await tap.codeOf(naked)).toBe('proof-missing')
    }
    expect(size(tap)).toBe(0)
  })

  it('an offer that is none', async () => {
    const tap = await createTap()
    const kex = await share()
    const bodies: unknown[] = [
      utf8(''),
      utf8('{'),
      [],
      null,
      {},
      { v: 1 },
      { kex },
      { v: 2, kex },
      { v: '1', kex },
      { v: 1, kex: null },
      { v: 1, kex: { kty: 'OKP', crv: 'X25519', x: 'A'.repeat(43) } },
      { v: 1, kex: { kty: 'OKP', crv: 'Ed25519', x: 'A'.repeat(43) } },
      { v: 1, kex: { ...kex, crv: 'P-384' } },
      { v: 1, kex: { ...kex, x: 'A'.repeat(43) } },
      { v: 1, kex: { ...kex, d: 'A'.repeat(43) } },
      { v: 1, kex, pad: 'x'.repeat(4096) },
    ]
    for (const body of bodies) {
      const code = await tap.codeOf(await offer(tap, body))
      expect(['session-malformed', 'body-too-large'], JSON.stringify(body)).toContain(code)
    }
    expect(await tap.codeOf(await offer(tap, { v: 1, kex }, { 'content-type': 'text/plain' }))).toBe(
      'session-malformed',
    )
    expect(size(tap)).toBe(0)
  })

  it('a grant that is none is not used', async () => {
    const grants = [
      { id: 'short' },
      { id: 'A'.repeat(23) },
      { expiresIn: 601 },
      { expiresIn: 0 },
      { expiresIn: 1.5 },
      { v: 2 },
      { kex: { kty: 'OKP', crv: 'X25519', x: 'A'.repeat(43) } },
    ]
    for (const wrong of [{}, ...grants]) {
      const domain = await testDomain('acme.test')
      const kex = await share()
      // A peer of another make, whose handler answers offers: what it grants is signed.
      const ledger = await domain.workload('ledger', { sessions: false })
      domain.serve(ledger, LEDGER, (request) =>
        request.url.endsWith(SESSION_PATH)
          ? Response.json({ v: 1, id: 'A'.repeat(22), kex, expiresIn: 60, seal: false, ...wrong })
          : new Response('ok'),
      )
      const inputs: string[] = []
      const orders = await domain.workload('orders', {
        transport: (url, init) => {
          inputs.push(new Headers(init.headers).get('signature-input') ?? '')
          return domain.deliver(new Request(url, init))
        },
      })
      expect((await orders.fetch(`${LEDGER}/a`)).status).toBe(200)
      const isUsed = inputs.some((input) => input.includes('keyid='))
      expect(isUsed, JSON.stringify(wrong)).toBe(Object.keys(wrong).length === 0)
    }
  })
})
