import { describe, expect, it } from 'vitest'
import { memoryApiKeys } from '../../../src/peer/api-key/memory-api-keys.ts'
import { refusal } from '../../core/refusal.ts'
import { keyOf } from './keys.ts'

describe('memoryApiKeys', () => {
  it('finds what was added, and lists it in order with the last use', async () => {
    const [{ record: a }, { record: b }] = [await keyOf('a'), await keyOf('b')]
    const store = memoryApiKeys([a])
    store.add(b)
    store.touched(b.id, 7)
    store.touched('00000000000', 7)
    expect([store.find(a.id), store.find(b.id)?.owner, store.find('00000000000')]).toEqual([a, 'b', undefined])
    expect(store.list()).toEqual([a, { ...b, lastUsedAt: 7 }])
    expect(Object.isFrozen(store.find(a.id)?.scopes)).toBe(true)
  })

  it('a second API key of one id is not taken into the memory', async () => {
    const { record } = await keyOf()
    const store = memoryApiKeys([record])
    store.revoke(record.id)
    expect(refusal(() => store.add(record))).toMatchObject({ code: 'option-invalid', detail: { option: 'API key' } })
    expect(store.find(record.id)?.revokedAt).toBeTypeOf('number')
  })

  it('refuses records that are not whole', async () => {
    const { record } = await keyOf()
    for (const [name, bad] of Object.entries({ id: 'x', owner: '', scopes: 'x', hash: 'x', createdAt: '1', more: 1 }))
      expect(refusal(() => memoryApiKeys([{ ...record, [name]: bad } as never])).detail.option).toMatch(
        name === 'more' ? /^API key$/ : `API key.${name}`,
      )
  })

  it('ends keys never later than they end anyway', async () => {
    const { record } = await keyOf()
    const store = memoryApiKeys([record])
    expect([store.expire(record.id, 200), store.expire(record.id, 300), store.expire('00000000000', 1)]).toEqual([
      true,
      true,
      false,
    ])
    expect(store.find(record.id)?.expiresAt).toBe(200)
    store.expire(record.id, 100)
    expect(store.find(record.id)?.expiresAt).toBe(100)
    expect([store.revoke(record.id), store.revoke('00000000000')]).toEqual([true, false])
    const { revokedAt } = store.find(record.id) ?? {}
    store.revoke(record.id)
    expect(store.find(record.id)?.revokedAt).toBe(revokedAt)
  })
})
