import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { matchesCaller } from '../../../src/identity/match.ts'
import { createApiKey } from '../../../src/peer/api-key/create-api-key.ts'
import { hashOfKey, idOfKey } from '../../../src/peer/api-key/key-text.ts'
import { isOwner } from '../../../src/peer/api-key/record-text.ts'
import { definePolicy } from '../../../src/policy/define-policy.ts'
import { refusalOf } from '../../core/refusal.ts'
import { documentOf, peerOf, question } from '../../policy/ask.ts'

const clock = { now: () => 1_800_000_000_000 }

describe('createApiKey', () => {
  it('gives the key once, and a record from which nobody gets it back', async () => {
    const expiresAt = clock.now() + 1
    const { key, record } = await createApiKey({ owner: 'billing', scopes: ['a', 'b'], expiresAt, clock })
    expect(record).toEqual({
      id: idOfKey(key),
      owner: 'billing',
      scopes: ['a', 'b'],
      hash: await hashOfKey(key),
      createdAt: clock.now(),
      expiresAt,
    })
    expect(JSON.stringify(record)).not.toContain(key.slice(16))
    expect(Object.isFrozen(record) && Object.isFrozen(record.scopes)).toBe(true)
    expect((await createApiKey({ owner: 'x', scopes: [] })).record).not.toHaveProperty('expiresAt')
  })

  it('an API key that would end before it begins is refused', async () => {
    for (const expiresAt of [clock.now(), clock.now() - 1, clock.now() / 1000, 0]) {
      const made = await refusalOf(() => createApiKey({ owner: 'x', scopes: [], expiresAt, clock }))
      expect(made).toMatchObject({ code: 'option-invalid', detail: { option: 'createApiKey options.expiresAt' } })
    }
  })

  it('refuses what is wrong by the name of its option', async () => {
    const option = async (given: object) =>
      (await refusalOf(() => createApiKey({ owner: 'x', scopes: [], clock, ...given } as never))).detail.option
    for (const owner of ['', 'a b', 'a*', '*', '//a', 'ä', 'a\n', 'x'.repeat(129), 7])
      expect(await option({ owner })).toBe('createApiKey options.owner')
    expect(await option({ scopes: undefined })).toBe('createApiKey options.scopes')
    for (const scope of ['', 'a b', '"', '\\', 'ä']) expect(await option({ scopes: [scope] })).toMatch(/scopes\.0$/)
    expect(await option({ scopes: ['a', 'a'] })).toBe('createApiKey options.scopes')
    expect(await option({ expiresAt: '2027' })).toBe('createApiKey options.expiresAt')
    expect(await option({ expires: 1 })).toBe('createApiKey options')
  })

  it('takes only owners whom a rule can name, and no pattern but the very name means them', () => {
    const printable = fc.string({ unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)) })
    fc.assert(
      fc.property(
        fc.oneof(
          printable,
          printable.map((rest) => `a/${rest}`),
        ),
        (owner) => {
          if (!isOwner(owner)) return
          const id = `api-key:${owner}`
          const rule = { from: [id], when: { authenticatedBy: ['api-key'] } }
          const peer = peerOf(id, { authenticatedBy: 'api-key' })
          expect(definePolicy(documentOf([rule])).decide(question('GET /a', { peer })).effect).toBe('allow')
          expect(matchesCaller('api-key://a/**', id)).toBe(false)
        },
      ),
    )
  })
})
