import { afterEach, expect, it, vi } from 'vitest'
import { engineOf } from '../../../src/flow/workload.ts'
import { changingTap, createTap, keyidOf, settle, trusting } from '../../refusals/session-wire.ts'
import { LEDGER, type OnTheWire } from '../../refusals/wire.ts'

afterEach(() => vi.restoreAllMocks())

it('proves calls by a session from the first one on, each under the next counter', async () => {
  const tap = await createTap()
  for (let i = 0; i < 3; i++) expect((await tap.call()).status).toBe(200)
  expect(tap.handshakes).toHaveLength(1)
  expect(new Set(tap.sent.map(keyidOf)).size).toBe(1)
  expect((await tap.session()).counter).toBe(4)
})

it('takes a signature where a call asks for it, for another audience, or where sessions are off', async () => {
  for (const countersign of [{ proof: 'signature' }, { dangerouslyAcceptUnboundAnswers: true }] as const) {
    const tap = await createTap()
    expect((await tap.call('/a', { countersign })).status).toBe(200)
    expect([tap.handshakes.length, keyidOf(tap.sent[0] as OnTheWire)]).toEqual([0, undefined])
  }
  for (const more of [{ orders: { sessions: false } }, { ledger: { sessions: false } }] as const) {
    const tap = await createTap(more)
    tap.betweenHandshake = (message) => tap.deliver(message)
    expect((await tap.call()).status).toBe(200)
    expect(keyidOf(tap.sent[0] as OnTheWire)).toBeUndefined()
  }
})

it('a call to somewhere else than the base URL of a session is proven by a signature', async () => {
  const tap = await createTap()
  tap.betweenHandshake = (message) => tap.deliver(message, { mountPath: '/api' })
  const client = tap.orders.client({ peer: tap.ledger.id, baseUrl: `${LEDGER}/api/` })
  const isUnderSession = async (path: string) => {
    expect((await client(LEDGER + path)).status).toBe(200)
    return keyidOf(tap.sent.at(-1) as OnTheWire) !== undefined
  }
  for (const path of ['/api/x', '/api/', '/api', '/api?q']) expect(await isUnderSession(path), path).toBe(true)
  for (const path of ['/other', '/', '/apis', '/API/x']) expect(await isUnderSession(path), path).toBe(false)
  expect(tap.handshakes.map(({ target }) => target)).toEqual(['/api/.well-known/countersign/session'])
})

it('no call is made under a session that is over by either clock, or has no counter left', async () => {
  const start = performance.now()
  const mock = vi.spyOn(performance, 'now').mockReturnValue(start)
  const tap = await createTap()
  const first = await tap.session()
  tap.domain.clock.advance(599)
  expect((await tap.session()).id).toBe(first.id)
  tap.domain.clock.advance(1)
  const second = await tap.session()
  expect(second.id).not.toBe(first.id)
  mock.mockReturnValue(start + 600_000)
  const third = await tap.session()
  expect(third.id).not.toBe(second.id)
  third.counter = Number.MAX_SAFE_INTEGER - 1
  const last = await tap.capture()
  expect(keyidOf(last)).toBe(third.id)
  expect(await tap.codeOf(last)).toBe('ran')
  expect(keyidOf(await tap.capture())).not.toBe(third.id)
})

it('no call is made under a session that was opened under a key of ours that was rotated out', async () => {
  const { tap, mine, anchor } = await changingTap()
  const { id } = await tap.session()
  const { keys } = await tap.domain.credentials()
  mine.change({ keys: [anchor, ...keys.slice(1)] })
  await settle()
  expect((await tap.session()).id).not.toBe(id)
})

it('no call is made under a session with a peer for whose token trust no longer vouches', async () => {
  const { tap, own, other } = await changingTap()
  await tap.session()
  own.change(trusting(other))
  await settle()
  const message = await tap.capture()
  expect(keyidOf(message)).toBeUndefined()
  expect(tap.line().session).toBeUndefined()
})

it('waits for the handshake of a first call no longer than the call waits itself', async () => {
  const tap = await createTap()
  tap.betweenHandshake = () => new Promise(() => undefined)
  const countersign = { timeoutMs: 20 }
  await expect(tap.call('/a', { countersign })).rejects.toMatchObject({ code: 'timed-out' })
  expect(tap.sent).toEqual([])
  expect(engineOf(tap.orders).peers.of(tap.ledger.id).lines.get(LEDGER)?.handshake).toBeDefined()
})
