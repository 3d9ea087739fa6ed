import { expect, it, vi } from 'vitest'
import { checkKey } from '../../../src/peer/api-key/check.ts'
import { memoryApiKeys } from '../../../src/peer/api-key/memory-api-keys.ts'
import { refusalOf } from '../../core/refusal.ts'
import { keyOf } from './keys.ts'

vi.mock('#crypto', () => import('../../../src/crypto/web.ts'))

it('a runtime whose digests are promises checks keys all the same', async () => {
  const { key, record } = await keyOf()
  const store = memoryApiKeys([record])
  const check = () => checkKey(store, { now: () => Date.now() }, key)
  expect(check()).toBeInstanceOf(Promise)
  expect(await check()).toMatchObject({ id: 'api-key:billing' })
  store.revoke(record.id)
  expect(await refusalOf(async () => check())).toMatchObject({ code: 'api-key-invalid', detail: { step: 'revoked' } })
})
