import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import type { NoticeType } from '../../src/core/notice.ts'
import { type CredentialSource, type Credentials, credentialFile, selfIssued } from '../../src/keys/credentials.ts'
import { generateKey, publicJwk, thumbprint } from '../../src/keys/jwk.ts'
import type { FakeClock } from '../../src/testing/fake-clock.ts'
import { mintWit } from '../../src/token/mint-wit.ts'
import { createTokenVerifier } from '../../src/token/verify-wit.ts'
import { createCredentialHolder } from '../../src/token/wallet.ts'
import { clockAt, domain, failureOf, NOW, ORDERS, trustOf } from './fixtures.ts'

const GRACE_SECONDS = 600
let acme: Awaited<ReturnType<typeof domain>>

beforeAll(async () => {
  acme = await domain()
})

/** A source that a test changes at will; `load` counts. */
function sourceOf(first: unknown) {
  const state = { value: first, loads: 0, closed: 0, changed: () => {} }
  const source: CredentialSource = {
    load() {
      state.loads++
      if (state.value instanceof Error) throw state.value
      return state.value as Credentials
    },
    watch(changed) {
      state.changed = changed
      return { close: () => state.closed++ }
    },
  }
  return { state, source }
}

async function holderOf(source: CredentialSource, clock: FakeClock = clockAt(), more: object = {}) {
  const notices: [NoticeType, object | undefined][] = []
  const report = (type: NoticeType, detail?: object) => notices.push([type, detail])
  const holder = await createCredentialHolder({ id: ORDERS, source, clock, report, ...more })
  return { holder, notices, types: () => notices.map(([type]) => type), clock }
}

async function issuedAt(clock: FakeClock, lifetimeSeconds = 3600) {
  const proofKey = await generateKey({ alg: 'ES256' })
  const { token } = await mintWit({ id: ORDERS, key: acme.anchor, proofKey, lifetimeSeconds, clock })
  return { keys: [proofKey], token }
}

describe('a holder of self-issued credentials', () => {
  it('answers at once with one credential that peers accept', async () => {
    const { holder, notices } = await holderOf(selfIssued({ keys: [acme.anchor, acme.seal] }))
    const credential = holder.current()
    expect(credential).not.toBeInstanceOf(Promise)
    expect(holder.current()).toBe(credential)
    expect(credential).toMatchObject({ keyId: 'anchor-1', expiresAt: (NOW + 3600) * 1000 })
    const tokens = createTokenVerifier({ clock: clockAt(), toleranceSeconds: 0 })
    expect(await tokens.verify((await credential).token, acme.trust)).toMatchObject({ id: { id: ORDERS } })
    expect(holder.sealKeys().map(({ kid }) => kid)).toEqual([await thumbprint(acme.seal)])
    expect(holder.health()).toEqual([])
    expect(notices).toEqual([])
  })

  it('renews once past two thirds of its life, and answers with the old one meanwhile', async () => {
    const { holder, clock, types } = await holderOf(selfIssued({ keys: [acme.anchor, acme.seal] }))
    const old = await holder.current()
    clock.advance(2399)
    expect(holder.current()).toBe(old)
    clock.advance(1)
    for (let i = 0; i < 64; i++) expect(holder.current()).toBe(old)
    await vi.waitFor(() => expect(types()).toEqual(['credentials.renewed']))
    const next = holder.current()
    expect(next).not.toBeInstanceOf(Promise)
    expect(next).toMatchObject({ expiresAt: (NOW + 2400 + 3600) * 1000, keyId: 'anchor-1' })
    const tokens = createTokenVerifier({ clock, toleranceSeconds: 0 })
    const [first, second] = await Promise.all([old, await next].map(({ token }) => tokens.verify(token, acme.trust)))
    expect(first?.proofKeyId).not.toBe(second?.proofKeyId)
    expect(first?.tokenId).not.toBe(second?.tokenId)
    clock.advance(2399)
    expect(await holder.current()).toBe(await next)
    expect(types()).toEqual(['credentials.renewed'])
  })

  it('waits for one renewal where the old one has expired', async () => {
    const { source, state } = sourceOf({ keys: [acme.anchor] })
    const { holder, clock, types } = await holderOf(source)
    const old = await holder.current()
    clock.advance(3600)
    const all = await Promise.all(Array.from({ length: 64 }, () => holder.current()))
    expect(new Set(all).size).toBe(1)
    expect(all[0]).not.toBe(old)
    expect(all[0]?.expiresAt).toBe((NOW + 7200) * 1000)
    expect(types()).toEqual(['credentials.renewed'])
    expect(state.loads).toBe(2)
  })

  it('renews with the keys it has where its source is down', async () => {
    const { source, state } = sourceOf({ keys: [acme.anchor] })
    const { holder, clock, notices, types } = await holderOf(source)
    state.value = new Error('marker-7f3a')
    clock.advance(3600)
    expect((await holder.current()).expiresAt).toBe((NOW + 7200) * 1000)
    expect(types()).toEqual(['credentials.rejected', 'credentials.renewed'])
    expect(JSON.stringify(notices)).not.toContain('marker')
    expect(holder.health()).toEqual(['credentials-invalid'])
    clock.advance(29)
    await holder.current()
    expect(state.loads).toBe(2)
    clock.advance(1)
    await holder.current()
    await vi.waitFor(() => expect(state.loads).toBe(3))
    state.value = { keys: [acme.anchor] }
    clock.advance(30)
    await holder.current()
    await vi.waitFor(() => expect(holder.health()).toEqual([]))
    expect(types()).toEqual(['credentials.rejected', 'credentials.renewed'])
  })

  it('lives as long as it is told', async () => {
    const { holder } = await holderOf(selfIssued(acme.anchor), clockAt(), { lifetimeSeconds: 60 })
    expect(await holder.current()).toMatchObject({ expiresAt: (NOW + 60) * 1000 })
    const tooLong = failureOf(() => holderOf(selfIssued(acme.anchor), clockAt(), { lifetimeSeconds: 90_000 }))
    expect(await tooLong).toMatchObject({ code: 'option-invalid' })
  })

  it('is not sick for having been idle', async () => {
    const { holder, clock, types } = await holderOf(selfIssued(acme.anchor))
    clock.advance(100_000)
    expect(holder.health()).toEqual([])
    await vi.waitFor(() => expect(types()).toEqual(['credentials.renewed']))
    expect(holder.health()).toEqual([])
    expect(holder.current()).not.toBeInstanceOf(Promise)
  })
})

describe('a holder whose source changes', () => {
  it('swaps keys without a failed call', async () => {
    const next = await generateKey({ alg: 'Ed25519', kid: 'anchor-2' })
    const trust = await trustOf({
      trust_domains: { 'acme.test': { keys: [publicJwk(acme.anchor), publicJwk(next)] } },
    })
    const { source, state } = sourceOf({ keys: [acme.anchor] })
    const { holder, clock, notices } = await holderOf(source)
    const tokens = createTokenVerifier({ clock, toleranceSeconds: 0 })
    const before = await holder.current()
    state.value = { keys: [next] }
    state.changed()
    const during = await holder.current()
    expect(during).toBe(before)
    await vi.waitFor(() => expect(notices).toEqual([['credentials.changed', { keyId: 'anchor-2' }]]))
    const after = await holder.current()
    expect(after).toMatchObject({ keyId: 'anchor-2', suite: { name: 'Ed25519' } })
    for (const { token } of [before, during, after]) await tokens.verify(token, trust)
  })

  it('keeps the old credentials where the new ones are not valid', async () => {
    const { source, state } = sourceOf({ keys: [acme.anchor] })
    const { holder, notices, types } = await holderOf(source)
    const old = await holder.current()
    const { d: _, ...half } = acme.anchor
    const wrong = [
      { keys: [half] },
      { keys: [] },
      { keys: [acme.anchor], token: 'marker-7f3a' },
      new Error('marker-7f3a'),
    ]
    for (const [i, value] of [...wrong, { keys: [{ ...acme.anchor, d: acme.proof.d }] }].entries()) {
      state.value = value
      state.changed()
      await vi.waitFor(() => expect(notices).toHaveLength(i + 1))
      expect(await holder.current()).toBe(old)
      expect(holder.health()).toEqual(['credentials-invalid'])
    }
    expect(new Set(types())).toEqual(new Set(['credentials.rejected']))
    const shown = JSON.stringify(notices)
    for (const secret of ['marker', acme.anchor.d, acme.proof.d]) expect(shown).not.toContain(secret)
    state.value = { keys: [acme.anchor] }
    state.changed()
    await vi.waitFor(() => expect(holder.health()).toEqual([]))
    expect(notices).toHaveLength(5)
    expect(await holder.current()).toBe(old)
  })

  it('does nothing where nothing changed', async () => {
    const { source, state } = sourceOf({ keys: [acme.anchor] })
    const { holder, notices } = await holderOf(source)
    const old = await holder.current()
    state.value = { keys: [{ ...acme.anchor }] }
    state.changed()
    await vi.waitFor(() => expect(state.loads).toBe(2))
    expect(await holder.current()).toBe(old)
    expect(notices).toEqual([])
  })

  it('misses no change that comes while it reads', async () => {
    const [second, third] = await Promise.all(['second', 'third'].map((kid) => generateKey({ alg: 'ES256', kid })))
    const { source, state } = sourceOf({ keys: [acme.anchor] })
    const { holder, types } = await holderOf(source)
    state.value = { keys: [second] }
    state.changed()
    state.value = { keys: [third] }
    state.changed()
    state.changed()
    await vi.waitFor(async () => expect(await holder.current()).toMatchObject({ keyId: 'third' }))
    expect(types()).toEqual(['credentials.changed', 'credentials.changed'])
  })

  it('misses no change that comes while it starts', async () => {
    const second = await generateKey({ alg: 'ES256', kid: 'second' })
    const { source, state } = sourceOf({ keys: [acme.anchor] })
    const starting = holderOf(source)
    state.value = { keys: [second] }
    state.changed()
    const { holder } = await starting
    await vi.waitFor(async () => expect(await holder.current()).toMatchObject({ keyId: 'second' }))
  })

  it('follows a file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'countersign-'))
    const path = join(folder, 'orders.json')
    const write = async (value: unknown) => {
      await writeFile(`${path}.new`, typeof value === 'string' ? value : JSON.stringify(value))
      await rename(`${path}.new`, path)
    }
    await write({ keys: [acme.anchor] })
    const { holder, types } = await holderOf(credentialFile(path))
    try {
      const second = await generateKey({ alg: 'ES256', kid: 'second' })
      await write({ keys: [second, acme.seal] })
      await vi.waitFor(() => expect(types()).toEqual(['credentials.changed']), 5000)
      expect(await holder.current()).toMatchObject({ keyId: 'second', sealKeyId: await thumbprint(acme.seal) })
      await write('{ "keys": [')
      await vi.waitFor(() => expect(types()).toEqual(['credentials.changed', 'credentials.rejected']), 5000)
      expect(await holder.current()).toMatchObject({ keyId: 'second' })
    } finally {
      holder.close()
      await rm(folder, { recursive: true })
    }
  })

  it('opens with a former seal key until no token names it any more', async () => {
    const seal = await generateKey({ alg: 'P-256' })
    const [oldKid, newKid] = [await thumbprint(acme.seal), await thumbprint(seal)]
    const { source, state } = sourceOf({ keys: [acme.anchor, acme.seal] })
    const { holder, clock, types } = await holderOf(source)
    const kids = () => holder.sealKeys().map(({ kid }) => kid)
    clock.advance(60)
    state.value = { keys: [acme.anchor, seal] }
    state.changed()
    await vi.waitFor(() => expect(types()).toEqual(['credentials.changed']))
    expect(await holder.current()).toMatchObject({ sealKeyId: newKid })
    expect(kids()).toEqual([newKid, oldKid])
    clock.advance(3600 - 60 + GRACE_SECONDS - 1)
    expect(kids()).toEqual([newKid, oldKid])
    clock.advance(1)
    expect(kids()).toEqual([newKid])
  })
})

describe('a holder of issued credentials', () => {
  it('mints nothing, and looks again past two thirds of its life', async () => {
    const clock = clockAt()
    const first = await issuedAt(clock)
    const { source, state } = sourceOf(first)
    const { holder, types } = await holderOf(source, clock)
    expect(await holder.current()).toMatchObject({ token: first.token, keyId: 'anchor-1' })
    clock.advance(2400)
    for (let i = 0; i < 5; i++) expect(await holder.current()).toMatchObject({ token: first.token })
    await vi.waitFor(() => expect(state.loads).toBe(2))
    expect(await holder.current()).toMatchObject({ token: first.token })
    expect(state.loads).toBe(2)
    expect(types()).toEqual([])
    state.value = await issuedAt(clock)
    clock.advance(30)
    await holder.current()
    await vi.waitFor(() => expect(types()).toEqual(['credentials.changed']))
    expect(await holder.current()).toMatchObject({ expiresAt: (NOW + 2400 + 3600) * 1000 })
  })

  it('a workload whose credential has expired and could not be renewed makes no call', async () => {
    const clock = clockAt()
    const { source, state } = sourceOf(await issuedAt(clock))
    const { holder } = await holderOf(source, clock)
    clock.advance(3599)
    await holder.current()
    clock.advance(1)
    const error = await failureOf(() => holder.current())
    expect(error).toMatchObject({ code: 'credentials-unavailable', status: 503 })
    expect(holder.health()).toEqual(['credentials-unavailable'])
    state.value = await issuedAt(clock)
    expect(await holder.current()).toMatchObject({ expiresAt: (NOW + 7200) * 1000 })
    expect(holder.health()).toEqual([])
  })
})

describe('createCredentialHolder', () => {
  it('a workload whose credentials cannot be loaded does not start', async () => {
    const { source, state } = sourceOf(new Error('marker-7f3a'))
    const error = (await failureOf(() => holderOf(source))) as Error
    expect(error).toMatchObject({ code: 'credentials-invalid', cause: state.value })
    expect([error.message, error.stack, JSON.stringify(error)].join()).not.toContain('marker')
    expect(state.closed).toBe(1)
  })

  it('shows nothing of keys and tokens where they are not valid', async () => {
    const marker = 'marker-7f3a'
    const keys = [acme.anchor]
    const wrong: unknown[] = [
      { keys: [{ ...acme.anchor, d: marker }] },
      { keys: [{ ...acme.anchor, kty: marker }] },
      { keys: [{ ...acme.anchor, alg: marker }] },
      { keys, token: marker },
      { keys, token: `${marker}.${marker}.${marker}` },
      { keys, [marker]: marker },
      marker,
    ]
    for (const value of wrong) {
      const { source } = sourceOf(value)
      const error = (await failureOf(() => holderOf(source))) as Error & { detail: object }
      expect(error).toMatchObject({ code: 'credentials-invalid' })
      const values = [error.message, error.stack, JSON.stringify(error), JSON.stringify(error.detail)].join()
      if (!(typeof value === 'object' && value !== null && marker in value)) expect(values).not.toContain(marker)
      expect(values).not.toContain(acme.anchor.d)
      expect(error.cause).toBeUndefined()
    }
  })

  it('leaves its source alone after close', async () => {
    const { source, state } = sourceOf({ keys: [acme.anchor] })
    const { holder, clock, notices } = await holderOf(source)
    holder.close()
    expect(state.closed).toBe(1)
    state.changed()
    clock.advance(2400)
    expect(await holder.current()).toMatchObject({ keyId: 'anchor-1' })
    clock.advance(1200)
    expect(await failureOf(() => holder.current())).toMatchObject({ code: 'credentials-unavailable' })
    expect(state.loads).toBe(1)
    expect(notices).toEqual([])
  })

  it('adopts nothing that comes after close', async () => {
    const { source, state } = sourceOf({ keys: [acme.anchor] })
    const { holder, notices } = await holderOf(source)
    const old = await holder.current()
    state.value = { keys: [await generateKey({ alg: 'ES256' })] }
    state.changed()
    holder.close()
    await vi.waitFor(() => expect(state.loads).toBe(2))
    expect(await holder.current()).toBe(old)
    expect(notices).toEqual([])
  })
})
