import { afterEach, expect, it, vi } from 'vitest'
import { utf8 } from '../../../src/core/bytes.ts'
import type { Jwk } from '../../../src/crypto/primitives.ts'
import { SESSION_PATH } from '../../../src/flow/discovery-path.ts'
import { engineOf } from '../../../src/flow/workload.ts'
import { generateKey, publicJwk } from '../../../src/keys/jwk.ts'
import { createHalf } from '../../../src/session/agreement.ts'
import { testDomain } from '../../../src/testing/test-domain.ts'
import { mintWit } from '../../../src/token/mint-wit.ts'
import { createTap, forge, forgeSigned, keyidOf, later, settle, type Tap } from '../../refusals/session-wire.ts'
import { LEDGER, type OnTheWire } from '../../refusals/wire.ts'

afterEach(() => vi.restoreAllMocks())

const json = { 'content-type': 'application/json' }
const table = (tap: Tap) => engineOf(tap.ledger).sessions?.table

async function offer(
  tap: Tap,
  document: unknown,
  headers: Readonly<Record<string, string>> = json,
): Promise<OnTheWire> {
  const body = utf8(JSON.stringify(document))
  return forgeSigned(tap, tap.orders, { nonce: crypto.randomUUID(), target: SESSION_PATH, body, headers })
}

const fresh = async () => ({ v: 1, kex: (await createHalf('P-256')).jwk })

it('answers an offer on either curve with a session, a share and a time', async () => {
  const tap = await createTap({ guard: { seal: 'required' } })
  for (const curve of ['P-256', 'X25519'] as const) {
    const kex = (await createHalf(curve)).jwk
    const { status, body, fields } = await tap.deliver(await offer(tap, { v: 1, kex, more: 'is ignored' }))
    const grant = JSON.parse(new TextDecoder().decode(body)) as Record<string, unknown>
    expect(status).toBe(200)
    expect(fields.get('workload-identity-token')).toBeDefined()
    expect(grant).toEqual({ v: 1, id: expect.any(String), kex: expect.any(Object), expiresIn: 600, seal: true })
    expect((grant.kex as Jwk).crv).toBe(curve)
    expect(grant.kex).not.toHaveProperty('d')
  }
  expect(table(tap)?.size).toBe(2)
})

it('a session is opened by a signature and by no other proof', async () => {
  const tap = await createTap()
  const { id, keys } = await tap.session()
  const body = utf8(JSON.stringify(await fresh()))
  const forged = await forge(tap, { id, key: keys.clientMac, counter: 9, target: SESSION_PATH, body, headers: json })
  expect(await tap.codeOf(forged)).toBe('proof-missing')
  const naked = { method: 'POST', target: SESSION_PATH, raw: ['content-type', 'application/json'], body }
  expect(await tap.codeOf(naked)).toBe('proof-missing')
  expect(table(tap)?.size).toBe(1)
})

it('an offer that yields no shared secret is refused', async () => {
  const tap = await createTap()
  // Points of small order, and one that lies on no curve.
  for (const x of ['A'.repeat(43), `AQ${'A'.repeat(41)}`]) {
    expect(await tap.codeOf(await offer(tap, { v: 1, kex: { kty: 'OKP', crv: 'X25519', x } }))).toBe(
      'session-malformed',
    )
  }
  const { kex } = await fresh()
  const off = { v: 1, kex: { ...kex, y: kex.x } }
  expect(await tap.codeOf(await offer(tap, off))).toBe('session-malformed')
  expect(table(tap)?.size).toBe(0)
})

it('an offer that is sealed or not JSON is refused', async () => {
  const tap = await createTap()
  for (const type of ['text/plain', 'application/json; charset=utf-8', 'APPLICATION/JSON', '']) {
    const headers: Record<string, string> = type === '' ? {} : { 'content-type': type }
    expect(await tap.codeOf(await offer(tap, await fresh(), headers)), type).toBe('session-malformed')
  }
  const sealed = {
    'content-type': 'application/vnd.countersign.sve1',
    'content-envelope': 'sve1;ct="application/json"',
  }
  expect(await tap.codeOf(await offer(tap, await fresh(), sealed))).toBe('session-malformed')
})

it('an offer without a public key on P-256 or X25519 is refused', async () => {
  const tap = await createTap()
  const signing = publicJwk(await generateKey({ alg: 'Ed25519' }))
  for (const document of [{ v: 1 }, { v: 1, kex: signing }, { v: 1, kex: { kty: 'oct', k: 'AA' } }, 1]) {
    expect(await tap.codeOf(await offer(tap, document))).toBe('session-malformed')
  }
})

it('a session that was being opened while sessions were ended by hand is not taken in', async () => {
  const tap = await createTap()
  const body = later()
  const answering = tap.deliver(await offer(tap, await fresh()), { bodyComes: body.comes })
  await settle()
  // Nobody's session matches: that one may have been meant cannot be known.
  expect(tap.ledger.endSessions(() => false)).toBe(0)
  body.resolve()
  expect((await answering).status).toBe(429)
  expect(table(tap)?.size).toBe(0)
})

it('a caller whose token has expired, within the tolerance, opens no session', async () => {
  const domain = await testDomain('acme.test')
  const { keys } = await domain.credentials()
  const [anchor, sealKey] = keys as [Jwk, Jwk]
  const proofKey = await generateKey({ alg: 'ES256' })
  const id = 'spiffe://acme.test/orders'
  const { token } = await mintWit({ id, key: anchor, proofKey, lifetimeSeconds: 100, clock: domain.clock })
  const tap = await createTap({
    domain,
    orders: { credentials: { load: () => ({ keys: [proofKey, sealKey], token }) } },
  })
  domain.clock.advance(99)
  const early = await offer(tap, await fresh())
  const late = await offer(tap, await fresh())
  const { body } = await tap.deliver(early)
  expect(JSON.parse(new TextDecoder().decode(body))).toMatchObject({ expiresIn: 1 })
  domain.clock.advance(1)
  expect(await tap.codeOf(late)).toBe('token-expired')
})

it('an identity that opens more sessions in a minute than it may is refused', async () => {
  const tap = await createTap({ ledger: { sessions: { handshakesPerMinute: 2 } } })
  vi.spyOn(performance, 'now').mockReturnValue(600_000)
  const codes: string[] = []
  for (let i = 0; i < 3; i++) {
    const { status } = await tap.deliver(await offer(tap, await fresh()))
    codes.push(String(status))
  }
  expect(codes).toEqual(['200', '200', '429'])
  expect(await tap.codeOf(await offer(tap, await fresh()))).toBe('session-limited')
  vi.spyOn(performance, 'now').mockReturnValue(660_000)
  expect((await tap.deliver(await offer(tap, await fresh()))).status).toBe(200)
})

it("a caller for whom there is no room is refused, and nobody else's session ends for it", async () => {
  const tap = await createTap({ ledger: { sessions: { maxSessions: 1 } } })
  const { id } = await tap.session()
  const other = await tap.domain.workload('other')
  const body = utf8(JSON.stringify(await fresh()))
  const message = await forgeSigned(tap, other, { nonce: 'n', target: SESSION_PATH, body, headers: json })
  // It is told before its body is read.
  expect(await tap.codeOf(message, { bodyComes: new Promise(() => undefined) })).toBe('session-limited')
  expect(table(tap)?.find(id)).toBeDefined()
  const { session } = tap.line()
  if (session !== undefined) tap.line().session = undefined
  expect(keyidOf(await tap.capture())).not.toBe(id)
})

it('callers that ask for the last room at once do not all get it', async () => {
  const tap = await createTap({ ledger: { sessions: { maxSessions: 1 } } })
  const body = later()
  const answering: Promise<{ readonly status: number }>[] = []
  for (const name of ['a', 'b', 'c']) {
    const workload = await tap.domain.workload(name, { peers: { [LEDGER]: tap.ledger.id } })
    const bytes = utf8(JSON.stringify(await fresh()))
    const message = await forgeSigned(tap, workload, { nonce: name, target: SESSION_PATH, body: bytes, headers: json })
    answering.push(tap.deliver(message, { bodyComes: body.comes }))
  }
  await settle()
  body.resolve()
  const statuses = (await Promise.all(answering)).map(({ status }) => status)
  expect(statuses.sort()).toEqual([200, 429, 429])
  expect(table(tap)?.size).toBe(1)
})
