import { describe, expect, it, vi } from 'vitest'
import { toDigits } from '../../../src/peer/api-key/base62.ts'
import { checkKey } from '../../../src/peer/api-key/check.ts'
import { crc32 } from '../../../src/peer/api-key/crc32.ts'
import { memoryApiKeys } from '../../../src/peer/api-key/memory-api-keys.ts'
import type { ApiKeyRecord } from '../../../src/peer/api-key/record.ts'
import type { ApiKeyStore } from '../../../src/peer/api-key/store.ts'
import { refusalOf } from '../../core/refusal.ts'
import { forgedFor, keyOf } from './keys.ts'

const NOW = Date.now()
const clock = { now: () => NOW }
const crcOf = (start: string) => toDigits(crc32(start), 6)
const storing = (...records: ApiKeyRecord[]) => memoryApiKeys(records)
const check = (store: ApiKeyStore, key: string) => checkKey(store, clock, key)
const refused = async (store: ApiKeyStore, key: string) => {
  const { code, status, detail } = await refusalOf(async () => check(store, key))
  return [code, status, detail.step, detail.keyId]
}

describe('checkKey', () => {
  it('gives the owner with the scopes of the key, at once where the store answers at once', async () => {
    const { key, record } = await keyOf()
    const store = storing(record)
    expect(check(store, key)).toEqual({
      id: 'api-key:billing',
      authenticatedBy: 'api-key',
      scopes: ['read'],
      claims: { keyId: record.id },
      also: [],
    })
    expect(store.list()).toEqual([{ ...record, lastUsedAt: NOW }])
    expect(await check({ find: async () => record }, key)).toMatchObject({ id: 'api-key:billing' })
  })

  it('an API key of which there is no record is refused', async () => {
    const { key, record } = await keyOf()
    expect(await refused(storing(), key)).toEqual(['api-key-invalid', 401, 'unknown', record.id])
  })

  it('an API key whose hash is not the one of its record is refused', async () => {
    const { record } = await keyOf()
    const store = storing(record)
    expect(await refused(store, forgedFor(record.id, crcOf))).toEqual(['api-key-invalid', 401, 'secret', record.id])
    expect(store.list()[0]).not.toHaveProperty('lastUsedAt')
    const cut = { find: () => ({ ...record, hash: '' }) }
    expect((await refused(cut, forgedFor(record.id, crcOf)))[2]).toBe('secret')
  })

  it('an API key that was revoked is refused', async () => {
    const { key, record } = await keyOf()
    const store = storing(record)
    await check(store, key)
    expect(store.revoke(record.id)).toBe(true)
    expect(await refused(store, key)).toEqual(['api-key-invalid', 401, 'revoked', record.id])
    // Whenever that is said to have been, and whatever else the record says.
    const later = { find: () => ({ ...record, revokedAt: NOW + 1e9, expiresAt: NOW - 1 }) }
    expect((await refused(later, key))[2]).toBe('revoked')
    expect((await refused(later, forgedFor(record.id, crcOf)))[2]).toBe('secret')
  })

  it('an API key that has expired is refused', async () => {
    const { key, record } = await keyOf()
    const until = (expiresAt: unknown) => ({ find: () => ({ ...record, expiresAt }) as ApiKeyRecord })
    expect(await check(until(NOW + 1), key)).toMatchObject({ id: 'api-key:billing' })
    for (const end of [NOW, NOW - 1, 0, Number.NaN, 'tomorrow', null])
      expect(await refused(until(end), key)).toEqual(['api-key-invalid', 401, 'expired', record.id])
  })

  it('asks no store about what is no key', async () => {
    const find = vi.fn()
    const { key } = await keyOf()
    const mistyped = key.slice(0, -1) + (key.endsWith('0') ? '1' : '0')
    const steps = await Promise.all(['', 'x', mistyped].map(async (bad) => (await refused({ find }, bad))[2]))
    expect(steps).toEqual(['format', 'format', 'checksum'])
    expect(find).not.toHaveBeenCalled()
  })

  it('a store of API keys that fails refuses the call as unavailable, never as bad', async () => {
    const { key, record } = await keyOf()
    const cause = new Error('down')
    const throwing = () => {
      throw cause
    }
    for (const find of [throwing, () => Promise.reject(cause)]) {
      const error = await refusalOf(async () => check({ find }, key))
      expect(error).toMatchObject({ code: 'keys-unavailable', status: 503, retryable: true, cause })
      expect(error.detail).toEqual({ step: 'find', keyId: record.id })
    }
  })

  it('a record of an API key that is not whole refuses the call as unavailable', async () => {
    const { key, record } = await keyOf()
    const given: unknown[] = [null, {}, { ...record, hash: undefined }, { ...record, owner: 'a b' }, 'text']
    for (const bad of [...given, { ...record, scopes: 'read' }, { ...record, scopes: [1] }, { ...record, owner: 7 }])
      expect(await refused({ find: () => bad as ApiKeyRecord }, key)).toEqual([
        'keys-unavailable',
        503,
        'record',
        record.id,
      ])
  })

  it('refuses nothing where a use cannot be noted', async () => {
    const { key, record } = await keyOf()
    const throwing = () => {
      throw new Error('full')
    }
    for (const touched of [throwing, () => Promise.reject(new Error('down'))])
      expect(await check({ find: () => record, touched }, key)).toMatchObject({ id: 'api-key:billing' })
  })
})
