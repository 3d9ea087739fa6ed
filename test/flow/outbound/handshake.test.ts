import { afterEach, expect, it, vi } from 'vitest'
import type { Jwk } from '../../../src/crypto/primitives.ts'
import { SESSION_PATH } from '../../../src/flow/discovery-path.ts'
import { engineOf } from '../../../src/flow/workload.ts'
import { generateKey } from '../../../src/keys/jwk.ts'
import { createHalf } from '../../../src/session/agreement.ts'
import { testDomain } from '../../../src/testing/test-domain.ts'
import { mintWit } from '../../../src/token/mint-wit.ts'
import { createTap, keyidOf, later, settle } from '../../refusals/session-wire.ts'
import type { OnTheWire } from '../../refusals/wire.ts'

afterEach(() => vi.restoreAllMocks())

it('a handshake without a session at its end means signatures for five minutes', async () => {
  const start = performance.now()
  const mock = vi.spyOn(performance, 'now').mockReturnValue(start)
  for (const isLost of [true, false]) {
    mock.mockReturnValue(start)
    const tap = await createTap()
    tap.betweenHandshake = async (message) => {
      if (isLost) throw new TypeError('fetch failed')
      return tap.deliver({ ...message, method: 'PUT' })
    }
    for (const seconds of [0, 1, 299]) {
      mock.mockReturnValue(start + seconds * 1000)
      expect((await tap.call()).status).toBe(200)
      expect(keyidOf(tap.sent.at(-1) as OnTheWire)).toBeUndefined()
    }
    expect(tap.handshakes).toHaveLength(1)
    tap.betweenHandshake = (message) => tap.deliver(message)
    mock.mockReturnValue(start + 300_000)
    expect(keyidOf(await tap.capture())).toBeDefined()
  }
})

it('a session whose halves yield no secret is not used', async () => {
  const domain = await testDomain('acme.test')
  const { kty, crv, x } = (await createHalf('P-256')).jwk
  const ledger = await domain.workload('ledger', { sessions: false })
  // A point that lies on no curve, signed by the peer itself.
  const grant = { v: 1, id: 'A'.repeat(22), kex: { kty, crv, x, y: x }, expiresIn: 60, seal: false }
  const inputs: string[] = []
  domain.serve(ledger, 'https://ledger.test', (request) =>
    request.url.endsWith(SESSION_PATH) ? Response.json(grant) : new Response('ok'),
  )
  const orders = await domain.workload('orders', {
    transport: (url, init) => {
      inputs.push(new Headers(init.headers).get('signature-input') ?? '')
      return domain.deliver(new Request(url, init))
    },
  })
  expect((await orders.fetch('https://ledger.test/a')).status).toBe(200)
  expect(inputs).toHaveLength(2)
  expect(inputs.filter((input) => input.includes('keyid='))).toEqual([])
})

it('a session that was being opened while sessions were ended by hand is not used', async () => {
  const tap = await createTap()
  const answer = later()
  tap.betweenHandshake = async (message) => {
    const given = await tap.deliver(message)
    await answer.comes
    return given
  }
  const calling = tap.call()
  while (tap.answers.length === 0) await settle()
  expect(tap.orders.endSessions(() => false)).toBe(0)
  answer.resolve()
  expect((await calling).status).toBe(200)
  expect(keyidOf(tap.sent.at(-1) as OnTheWire)).toBeUndefined()
})

it('a session ends no later than either token', async () => {
  for (const whose of ['orders', 'ledger'] as const) {
    const domain = await testDomain('acme.test')
    const [anchor, sealKey] = (await domain.credentials()).keys as [Jwk, Jwk]
    const proofKey = await generateKey({ alg: 'ES256' })
    const id = `spiffe://acme.test/${whose}`
    const { token, expiresAt } = await mintWit({ id, key: anchor, proofKey, lifetimeSeconds: 90, clock: domain.clock })
    const tap = await createTap({
      domain,
      [whose]: { credentials: { load: () => ({ keys: [proofKey, sealKey], token }) } },
    })
    const session = await tap.session()
    expect(session.expiresAt).toBe(expiresAt)
    expect(session.renewAtMs - performance.now()).toBeLessThanOrEqual(90_000)
    expect(engineOf(tap.ledger).sessions?.table.find(session.id)?.expiresAt).toBe(expiresAt)
  }
})

it('learns from a grant that the peer demands sealing, and asks it nothing else', async () => {
  const tap = await createTap({ guard: { seal: 'required' } })
  expect((await tap.call()).status).toBe(200)
  expect(tap.sent).toHaveLength(1)
  expect(new TextDecoder('latin1').decode(tap.sent[0]?.body)).not.toContain('{}')
})
