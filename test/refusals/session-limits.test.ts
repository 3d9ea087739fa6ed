import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Jwk } from '../../src/crypto/primitives.ts'
import { engineOf } from '../../src/flow/workload.ts'
import { generateKey } from '../../src/keys/jwk.ts'
import { type TestDomain, testDomain } from '../../src/testing/test-domain.ts'
import { mintWit } from '../../src/token/mint-wit.ts'
import type { WorkloadOptions } from '../../src/workload/workload-options.ts'
import { createTap, keyidOf, type Tap } from './session-wire.ts'
import type { OnTheWire } from './wire.ts'

afterEach(() => vi.restoreAllMocks())

/** Callers of one ledger, each with a wire of its own. */
async function callees(sessions: Exclude<WorkloadOptions['sessions'], false | undefined>) {
  const domain = await testDomain('acme.test')
  const first = await createTap({ domain, ledger: { sessions } })
  const { table } = engineOf(first.ledger).sessions ?? {}
  if (table === undefined) throw new Error('sessions are off')
  return {
    domain,
    first,
    table,
    async caller(name: string, more: Partial<WorkloadOptions> = {}): Promise<Tap> {
      const id = `spiffe://acme.test/${name}`
      const tap = await createTap({ domain, orders: { id, ...more } })
      tap.guard = first.guard
      return tap
    },
  }
}

/** Forgets the caller's side, so that the next call opens another session. */
async function another(tap: Tap): Promise<string | undefined> {
  const line = engineOf(tap.orders).peers.of(tap.ledger.id).lines.get('https://ledger.test')
  if (line !== undefined) line.session = undefined
  return keyidOf(await tap.capture())
}

/** The callee said no with a 429, and the caller works all the same. */
async function isLimited(tap: Tap): Promise<void> {
  expect(await another(tap)).toBeUndefined()
  const [last] = tap.answers.slice(-1)
  expect(last?.status).toBe(429)
  expect(last?.fields.get('retry-after')).toBeDefined()
  expect((await tap.call()).status).toBe(200)
  expect(keyidOf(tap.sent.at(-1) as OnTheWire)).toBeUndefined()
}

/** A token of the domain that lives for a while, with the key it names. */
async function issued(domain: TestDomain, name: string, lifetimeSeconds: number) {
  const { keys } = await domain.credentials()
  const [anchor, sealKey] = keys as [Jwk, Jwk]
  const proofKey = await generateKey({ alg: 'ES256' })
  const id = `spiffe://acme.test/${name}`
  const { token } = await mintWit({ id, key: anchor, proofKey, sealKey, lifetimeSeconds, clock: domain.clock })
  return { credentials: { load: () => ({ keys: [proofKey, sealKey], token }) } }
}

describe('sessions are bounded for each instance and in all', () => {
  it('beyond four, an instance loses its own oldest one, and never another’s', async () => {
    const { first, table, caller } = await callees({})
    const neighbour = await caller('neighbour')
    const theirs = await neighbour.capture()
    const messages: OnTheWire[] = []
    for (let i = 0; i < 6; i++) {
      await another(first)
      messages.push(first.sent.at(-1) as OnTheWire)
    }
    expect(new Set(messages.map(keyidOf)).size).toBe(6)
    expect(table.size).toBe(5)
    const codes: string[] = []
    for (const message of messages) codes.push(await first.codeOf(message))
    expect(codes).toEqual(['session-unknown', 'session-unknown', 'ran', 'ran', 'ran', 'ran'])
    expect(await first.codeOf(theirs)).toBe('ran')
  })

  it('all full: a newcomer is told 429 and goes on with signatures; who has one exchanges its own', async () => {
    const { first, table, caller } = await callees({ maxSessions: 2 })
    const second = await caller('second')
    const [one, two] = [await first.capture(), await second.capture()]
    const third = await caller('third')
    await isLimited(third)
    expect(table.size).toBe(2)
    expect(await another(second)).not.toBe(keyidOf(two))
    expect(table.size).toBe(2)
    expect(table.find(keyidOf(one) ?? '')).toBeDefined()
    expect(table.find(keyidOf(two) ?? '')).toBeUndefined()
  })

  it('two instances of one caller do not displace each other', async () => {
    const { first, table, caller } = await callees({ maxPerInstance: 1 })
    const twin = await caller('orders')
    const [one, two] = [await first.capture(), await twin.capture()]
    await another(twin)
    expect(table.find(keyidOf(one) ?? '')).toBeDefined()
    expect(table.find(keyidOf(two) ?? '')).toBeUndefined()
  })

  it('an identity that opens more than it may in a minute is told 429; the others are not', async () => {
    const { first, caller } = await callees({ handshakesPerMinute: 3 })
    const start = Math.ceil(performance.now() / 60_000) * 60_000
    vi.spyOn(performance, 'now').mockReturnValue(start)
    const neighbour = await caller('neighbour')
    for (let i = 0; i < 3; i++) expect(await another(first)).toBeDefined()
    await isLimited(first)
    expect(await another(neighbour)).toBeDefined()
    vi.spyOn(performance, 'now').mockReturnValue(start + 300_000)
    expect(await another(first)).toBeDefined()
  })

  it('newcomers that ask all at once do not get in beyond the bound', async () => {
    const { table, caller } = await callees({ maxSessions: 1 })
    const taps = await Promise.all(['a', 'b', 'c', 'd'].map((name) => caller(name)))
    let comes = (): void => undefined
    const bodyComes = new Promise<void>((resolve) => {
      comes = resolve
    })
    const captured = taps.map((tap) => {
      tap.betweenHandshake = (message) => tap.deliver(message, { bodyComes })
      return tap.capture()
    })
    await new Promise((resolve) => setTimeout(resolve, 20))
    comes()
    const ids = (await Promise.all(captured)).map(keyidOf)
    expect(table.size).toBe(1)
    expect(ids.filter((id) => id !== undefined && table.find(id) === undefined)).toEqual([])
  })

  it('a session whose time is over takes nobody’s room, whatever was opened before it', async () => {
    const { domain, first, caller } = await callees({ maxSessions: 2 })
    await first.capture()
    const short = await caller('short', await issued(domain, 'short', 60))
    expect(keyidOf(await short.capture())).toBeDefined()
    domain.clock.advance(61)
    const third = await caller('third')
    expect(keyidOf(await third.capture())).toBeDefined()
  })

  it('what one caller leaves behind takes no room from the others', async () => {
    const { first, caller } = await callees({ maxSessions: 8 })
    for (let i = 0; i < 16; i++) {
      await another(first)
      expect(await first.codeOf(first.sent.at(-1) as OnTheWire)).toBe('ran')
    }
    const neighbour = await caller('neighbour')
    expect(keyidOf(await neighbour.capture())).toBeDefined()
  })
})
