import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Jwk } from '../../src/crypto/primitives.ts'
import { engineOf } from '../../src/flow/workload.ts'
import type { Credentials } from '../../src/keys/credentials.ts'
import { generateKey } from '../../src/keys/jwk.ts'
import { testDomain } from '../../src/testing/test-domain.ts'
import { mintWit } from '../../src/token/mint-wit.ts'
import { changing, changingTap, createTap, keyidOf, later, settle, type Tap, trusting } from './session-wire.ts'
import type { OnTheWire } from './wire.ts'

afterEach(() => vi.restoreAllMocks())

/** The caller goes on, with a signature, and no call fails. */
async function goesOn(tap: Tap): Promise<void> {
  const before = tap.sent.length
  expect((await tap.call()).status).toBe(200)
  expect(tap.sent.length - before).toBeLessThanOrEqual(2)
}

describe('a session ends with its time, by either clock', () => {
  it('the wall clock', async () => {
    const tap = await createTap({ ledger: { sessions: { lifetimeSeconds: 60 } } })
    const message = await tap.capture()
    tap.domain.clock.advance(59)
    expect(await tap.codeOf(message)).toBe('ran')
    tap.domain.clock.advance(1)
    expect(await tap.codeOf(message)).toBe('session-unknown')
    await goesOn(tap)
    expect(keyidOf(tap.sent.at(-1) as OnTheWire)).not.toBe(keyidOf(message))
  })

  it('the monotonic clock, while the wall clock stands still or goes back', async () => {
    const tap = await createTap()
    const message = await tap.capture()
    const start = performance.now()
    const now = vi.spyOn(performance, 'now')
    now.mockReturnValue(start + 599_000)
    expect(await tap.codeOf(message)).toBe('ran')
    now.mockReturnValue(start + 601_000)
    tap.domain.clock.advance(-20)
    expect(await tap.codeOf(message)).toBe('session-unknown')
    await goesOn(tap)
    expect(keyidOf(tap.sent.at(-1) as OnTheWire)).not.toBe(keyidOf(message))
  })

  it.each(['ledger', 'orders'] as const)('the token of %s', async (whose) => {
    const domain = await testDomain('acme.test')
    const { keys } = await domain.credentials()
    const [anchor, sealKey] = keys as [Jwk, Jwk]
    const proofKey = await generateKey({ alg: 'ES256' })
    const id = `spiffe://acme.test/${whose}`
    const { token } = await mintWit({ id, key: anchor, proofKey, lifetimeSeconds: 100, clock: domain.clock, sealKey })
    const issued = changing<Credentials>({ keys: [proofKey, sealKey], token })
    const tap = await createTap({ domain, [whose]: { credentials: issued } })
    const message = await tap.capture()
    expect(keyidOf(message)).toBeDefined()
    expect((await tap.session()).expiresAt).toBeLessThanOrEqual(domain.clock.now() + 100_000)
    domain.clock.advance(99)
    const late = await tap.capture()
    domain.clock.advance(1)
    const code = await tap.codeOf(late)
    expect(['session-unknown', 'credentials-unavailable']).toContain(code)
    expect(tap.ran).toEqual([])
  })
})

describe('a session ends at once with trust', () => {
  it('the caller’s anchor was removed', async () => {
    const { tap, trust, anchor } = await changingTap()
    const [one, two] = [await tap.capture(), await tap.capture()]
    expect(await tap.codeOf(one)).toBe('ran')
    trust.change(trusting(anchor))
    await settle()
    expect(await tap.codeOf(two)).toBe('session-unknown')
    expect(engineOf(tap.ledger).sessions?.table.size).toBe(0)
    expect((await tap.call()).status).toBe(400)
    expect(tap.ran).toHaveLength(1)
  })

  it.each(['workloads', 'keys', 'tokens'] as const)(
    'the caller, its key or its token was revoked: %s',
    async (what) => {
      const { tap, trust, anchor, other } = await changingTap()
      const message = await tap.capture()
      const { tokenId } = await engineOf(tap.orders).credentials.current()
      const names = { workloads: tap.orders.id, keys: other.kid as string, tokens: tokenId as string }
      trust.change({ ...trusting(anchor, other), revoked: { [what]: [names[what]] } })
      await settle()
      expect(await tap.codeOf(message)).toBe('session-unknown')
    },
  )

  it('another anchor was removed, or came: the session goes on', async () => {
    const { tap, trust, other } = await changingTap()
    const message = await tap.capture()
    trust.change(trusting(other, await generateKey({ alg: 'ES256' })))
    await settle()
    expect(await tap.codeOf(message)).toBe('ran')
  })

  it('the callee’s own key was rotated out, on its side and on the caller’s', async () => {
    const { tap, credentials, mine, other, anchor } = await changingTap()
    const message = await tap.capture()
    const sealKey = (await tap.domain.credentials()).keys[1] as Jwk
    credentials.change({ keys: [other, sealKey] })
    await settle()
    expect(await tap.codeOf(message)).toBe('session-unknown')
    await goesOn(tap)
    const again = keyidOf(await tap.capture())
    mine.change({ keys: [anchor, sealKey] })
    await settle()
    const next = await tap.capture()
    expect(keyidOf(next)).not.toBe(again)
  })

  it('the callee is trusted no more: no call is made under the session, and its late answer is not taken', async () => {
    const { tap, own, other } = await changingTap()
    const first = keyidOf(await tap.capture())
    const held = later()
    tap.between = async (message) => {
      const answer = await tap.deliver(message)
      await held.comes
      return answer
    }
    const waiting = tap.call().then(
      ({ status }) => status,
      (error: { code: string }) => error.code,
    )
    while (tap.ran.length === 0) await settle()
    own.change(trusting(other))
    await settle()
    held.resolve()
    expect(await waiting).toMatch(/^answer-(invalid|foreign|unsigned)$/)
    tap.between = (message) => tap.deliver(message)
    await expect(tap.call()).rejects.toMatchObject({ code: 'answer-invalid' })
    expect(keyidOf(tap.sent.at(-1) as OnTheWire)).not.toBe(first)
  })
})

describe('a session ends at once by hand', () => {
  it('at the callee: by its caller, and no other', async () => {
    const tap = await createTap()
    const message = await tap.capture()
    const facts: unknown[] = []
    expect(tap.ledger.endSessions((session) => facts.push(session) === 0)).toBe(0)
    expect(facts).toEqual([
      {
        peer: tap.orders.id,
        keyId: expect.any(String),
        proofKeyId: expect.any(String),
        tokenId: expect.any(String),
      },
    ])
    expect(tap.ledger.endSessions(({ peer }) => peer === 'spiffe://acme.test/other')).toBe(0)
    expect(await tap.codeOf(message)).toBe('ran')
    expect(tap.ledger.endSessions(({ peer }) => peer === tap.orders.id)).toBe(1)
    expect(await tap.codeOf(await tap.capture())).toBe('session-unknown')
    await goesOn(tap)
  })

  it('at the caller', async () => {
    const tap = await createTap()
    const first = keyidOf(await tap.capture())
    expect(tap.orders.endSessions(({ peer }) => peer === tap.ledger.id)).toBe(1)
    expect(keyidOf(await tap.capture())).not.toBe(first)
  })

  it('with the workload', async () => {
    const tap = await createTap()
    const message = await tap.capture()
    await tap.ledger.close()
    expect((await tap.deliver(message)).status).toBe(503)
    expect(tap.ran).toEqual([])
    expect(engineOf(tap.ledger).sessions?.table.size).toBe(0)
  })
})

describe('what ends sessions also ends what is under way', () => {
  /** Opens a session by a handshake during whose body something happens; gives the first call under it. */
  async function slowHandshake(tap: Tap, happens: () => void): Promise<OnTheWire> {
    tap.betweenHandshake = async (message) => {
      const body = later()
      const answer = tap.deliver(message, { bodyComes: body.comes })
      await settle()
      happens()
      await settle()
      body.resolve()
      return answer
    }
    return tap.capture()
  }

  it('a handshake whose body is held back while its caller’s sessions are ended by hand', async () => {
    const { tap } = await changingTap()
    const message = await slowHandshake(tap, () => tap.ledger.endSessions(({ peer }) => peer === tap.orders.id))
    expect(engineOf(tap.ledger).sessions?.table.size).toBe(0)
    if (keyidOf(message) !== undefined) expect(await tap.codeOf(message)).toBe('session-unknown')
  })

  it('a handshake whose body is held back while its caller’s anchor is removed', async () => {
    const { tap, trust, anchor } = await changingTap()
    const message = await slowHandshake(tap, () => trust.change(trusting(anchor)))
    expect(['session-unknown', 'token-untrusted']).toContain(await tap.codeOf(message))
    expect(tap.ran).toEqual([])
  })

  it.each(Array.from({ length: 24 }, (_, ticks) => ticks))(
    'a call that is being judged: its copy says that the session is unknown, and it runs once (%i)',
    async (ticks) => {
      const tap = await createTap()
      await tap.session()
      tap.between = async (message) => {
        if (keyidOf(message) === undefined) return tap.deliver(message)
        const first = tap.deliver(message)
        for (let i = 0; i < ticks; i++) await undefined
        tap.ledger.endSessions(() => true)
        await first
        return tap.deliver(message)
      }
      await tap.call()
      expect(tap.ran).toHaveLength(1)
    },
  )
})
