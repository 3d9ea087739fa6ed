import { createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { fromBase64url, toBase64url } from '../../src/core/base64url.ts'
import { blindIndex } from '../../src/envelope/blind-index.ts'
import { encodeContext } from '../../src/envelope/context.ts'
import { failureOf, pattern } from './fixtures.ts'

const key = pattern(32)
const context = { tenant: 'acme', column: 'users.email' }
const index = (text: string, options = {}) => blindIndex(text, { key, context, ...options })

describe('a blind index', () => {
  it('is the MAC of the column and the text, cut off', async () => {
    const derived = createHmac('sha256', key).update('countersign/blind-index').update(Uint8Array.of(1)).digest()
    const mac = createHmac('sha256', derived)
    mac.update(encodeContext(context) ?? '').update('alice@acme.test')
    const whole = mac.digest()
    expect(await index('alice@acme.test')).toBe(toBase64url(whole.subarray(0, 16)))
    expect(await index('alice@acme.test', { bits: 256 })).toBe(toBase64url(whole))
    expect(fromBase64url(await index('alice@acme.test', { bits: 8 }))).toHaveLength(1)
  })

  it('is one for equal texts of a column, and others everywhere else', async () => {
    const here = await index('alice')
    expect(await index('alice')).toBe(here)
    expect(await blindIndex('alice', { key: { kty: 'oct', k: toBase64url(key) }, context })).toBe(here)
    const others = [
      index('alicf'),
      index('Alice'),
      index('alice', { context: { ...context, tenant: 'other' } }),
      index('alice', { context: { ...context, column: 'users.name' } }),
      index('alice', { key: pattern(33).subarray(1) }),
    ]
    expect(new Set([here, ...(await Promise.all(others))]).size).toBe(6)
  })

  it('is one for texts that Unicode composes to one', async () => {
    expect(await index('café')).toBe(await index('cafe\u0301'))
  })

  it('an index of another size than 8 to 256 bits in whole bytes is refused', async () => {
    for (const bits of [0, 7, 12, 264, 8.5, Number.NaN, '8' as never]) {
      expect(await failureOf(() => index('alice', { bits }))).toEqual({ code: 'option-invalid', option: 'bits' })
    }
  })

  it('what is indexed but is not a well-formed string is refused', async () => {
    for (const text of ['\udfff', 5 as never]) expect((await failureOf(() => index(text))).option).toBe('text')
  })

  it('belongs to a column, and has a key of the right size', async () => {
    expect((await failureOf(() => index('alice', { context: {} }))).option).toBe('context')
    expect((await failureOf(() => index('alice', { context: { column: '\ud800' } }))).option).toBe('context')
    expect((await failureOf(() => index('alice', { key: pattern(16) }))).code).toBe('key-invalid')
  })
})
