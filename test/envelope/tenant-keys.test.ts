import { describe, expect, it, vi } from 'vitest'
import { createKeyring } from '../../src/envelope/keyring.ts'
import { type TenantKeyStore, type TenantKeysOptions, tenantKeys } from '../../src/envelope/tenant-keys.ts'
import { openText, sealText } from '../../src/envelope/text.ts'
import { failureOf, pattern } from './fixtures.ts'

const root = createKeyring({ primary: 'root', keys: { root: pattern(32) } })

function world(options: Partial<TenantKeysOptions> = {}) {
  const rows = new Map<string, string>()
  const state = { isDown: false, asked: 0 }
  const reach = () => {
    state.asked++
    if (state.isDown) throw new Error('down')
  }
  const store: TenantKeyStore = {
    async get(tenant) {
      reach()
      return rows.get(tenant)
    },
    async add(tenant, text) {
      reach()
      if (rows.has(tenant)) return false
      rows.set(tenant, text)
      return true
    },
    async replace(tenant, text) {
      reach()
      rows.set(tenant, text)
    },
  }
  const events: unknown[] = []
  const audit = { record: (...event: unknown[]) => void events.push(event) }
  const make = () => tenantKeys({ root, store, audit, ...options })
  return { rows, state, store, events, make, keys: make() }
}

const at = (tenant: string) => ({ tenant, id: '42' })
const seal = (keys: ReturnType<typeof tenantKeys>, tenant: string) =>
  sealText('text', { to: keys.keyring(tenant), context: at(tenant) })
const open = (keys: ReturnType<typeof tenantKeys>, tenant: string, sealed: string) =>
  openText(sealed, { with: keys.keyring(tenant), context: at(tenant) })

describe('keys of tenants', () => {
  it('seal and open, each for its own tenant alone', async () => {
    const { keys, make } = world()
    await keys.create('acme')
    await keys.create('other')
    const sealed = await seal(keys, 'acme')
    expect(await open(keys, 'acme', sealed)).toBe('text')
    expect(await open(make(), 'acme', sealed)).toBe('text')
    const failure = await failureOf(() => openText(sealed, { with: keys.keyring('other'), context: at('acme') }))
    expect(failure).toEqual({ code: 'unopened', step: 'no-recipient' })
  })

  it('are sealed under the root, each to its tenant', async () => {
    const { keys, rows, make } = world()
    await keys.create('acme')
    const text = rows.get('acme') as string
    expect(
      JSON.parse(await openText(text, { with: root, context: { purpose: 'countersign/tenant-key', tenant: 'acme' } })),
    ).toEqual({ kid: expect.stringMatching(/^[\w-]{16}$/), k: expect.stringMatching(/^[\w-]{43}$/) })
    rows.set('other', text)
    expect(await failureOf(() => seal(make(), 'other'))).toEqual({ code: 'unopened', step: 'commitment' })
  })

  it('open nothing any more once they are destroyed, from no copy of the data, and it is written down', async () => {
    const { keys, events, make } = world()
    await keys.create('acme')
    const copies = [await seal(keys, 'acme'), await seal(keys, 'acme')]
    const held = keys.keyring('acme')
    await keys.destroy('acme')
    for (const copy of copies) {
      for (const each of [keys, make()]) {
        expect(await failureOf(() => open(each, 'acme', copy))).toEqual({ code: 'unopened', step: 'no-recipient' })
      }
      expect((await failureOf(() => openText(copy, { with: held, context: at('acme') }))).code).toBe('unopened')
    }
    expect(events).toEqual([
      ['tenant-key.created', { tenant: 'acme' }],
      ['tenant-key.destroyed', { tenant: 'acme' }],
    ])
  })

  it('a tenant whose key was destroyed, or never created, can neither be sealed to nor opened for', async () => {
    const { keys } = world()
    await keys.create('acme')
    const sealed = await seal(keys, 'acme')
    await keys.destroy('acme')
    for (const tenant of ['acme', 'unknown']) {
      expect(await failureOf(() => seal(keys, tenant))).toEqual({ code: 'key-invalid', option: 'to' })
      expect((await failureOf(() => open(keys, tenant, sealed))).code).toBe('unopened')
    }
  })

  it('a tenant that has a key, or had one, gets no other', async () => {
    const { keys, make } = world()
    const both = await Promise.allSettled([keys.create('acme'), make().create('acme')])
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    await keys.destroy('acme')
    expect(await failureOf(() => keys.create('acme'))).toEqual({ code: 'option-invalid', option: 'tenant' })
  })

  it('are asked for once a lifetime, and another process hears of a destruction then', async () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    try {
      const { keys, state, make } = world({ lifetimeSeconds: 10 })
      const elsewhere = make()
      await keys.create('acme')
      const sealed = await seal(elsewhere, 'acme')
      const before = state.asked
      await Promise.all(Array.from({ length: 50 }, () => open(elsewhere, 'acme', sealed)))
      expect(state.asked).toBe(before)
      await keys.destroy('acme')
      vi.advanceTimersByTime(9_999)
      expect(await open(elsewhere, 'acme', sealed)).toBe('text')
      vi.advanceTimersByTime(1)
      expect((await failureOf(() => open(elsewhere, 'acme', sealed))).code).toBe('unopened')
    } finally {
      vi.useRealTimers()
    }
  })

  it('a store of tenant keys that fails is said to be down', async () => {
    const { keys, state } = world()
    await keys.create('acme')
    state.isDown = true
    const down = { code: 'key-service-unavailable', step: 'tenant-keys' }
    expect(await failureOf(() => seal(keys, 'acme'))).toEqual(down)
    expect(await failureOf(() => keys.create('other'))).toEqual(down)
    expect(await failureOf(() => keys.destroy('acme'))).toEqual(down)
    state.isDown = false
    expect(await seal(keys, 'acme')).toMatch(/^[\w-]+$/)
  })

  it('a tenant without a name is refused', async () => {
    const { keys } = world()
    for (const none of ['', undefined as never]) {
      for (const act of [() => keys.create(none), () => keys.keyring(none), () => keys.destroy(none)]) {
        expect(await failureOf(act)).toEqual({ code: 'option-invalid', option: 'tenant' })
      }
    }
  })

  it('a lifetime of tenant keys that is not a number from 0 is refused', async () => {
    for (const lifetimeSeconds of [-1, Number.NaN, '5' as never]) {
      expect((await failureOf(() => world({ lifetimeSeconds }))).option).toBe('lifetimeSeconds')
    }
  })
})
