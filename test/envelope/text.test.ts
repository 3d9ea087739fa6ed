import { describe, expect, it } from 'vitest'
import { toBase64url } from '../../src/core/base64url.ts'
import { createKeyring } from '../../src/envelope/keyring.ts'
import { seal } from '../../src/envelope/seal.ts'
import { openText, rewrapText, sealText } from '../../src/envelope/text.ts'
import { failureOf, pattern } from './fixtures.ts'

const ring = createKeyring({ primary: 'kek1', keys: { kek1: pattern(32) } })
const context = { table: 'payees', id: '42', column: 'iban' }

describe('a sealed text', () => {
  it.each(['', 'DE02120300000000202051', 'žluťoučký kůň 🐎', 'x'.repeat(70_000)])(
    'opens to what it was: %.20s',
    async (text) => {
      const sealed = await sealText(text, { to: ring, context })
      expect(sealed).toMatch(/^[A-Za-z0-9_-]+$/)
      expect(await openText(sealed, { with: ring, context })).toBe(text)
    },
  )

  it('does not open in another place', async () => {
    const sealed = await sealText('text', { to: ring, context })
    for (const other of [{ ...context, id: '43' }, { ...context, column: 'bic' }, { id: '42' }]) {
      expect(await failureOf(() => openText(sealed, { with: ring, context: other }))).toEqual({
        code: 'unopened',
        step: 'commitment',
      })
    }
  })

  it('sealing at rest without a context is refused', async () => {
    for (const none of [{}, undefined as never]) {
      const refused = { code: 'option-invalid', option: 'context' }
      expect(await failureOf(() => sealText('text', { to: ring, context: none }))).toEqual(refused)
      expect(await failureOf(() => openText('text', { with: ring, context: none }))).toEqual(refused)
    }
  })

  it('what is sealed as a text but is not a well-formed string is refused', async () => {
    for (const text of ['\ud800', 5 as never, null as never, new Uint8Array(1) as never]) {
      expect((await failureOf(() => sealText(text, { to: ring, context }))).code).toBe('option-invalid')
    }
  })

  it('a sealed text that is not base64url is refused', async () => {
    const sealed = await sealText('text', { to: ring, context })
    for (const text of [`${sealed}=`, ` ${sealed}`, `${sealed}\n`, sealed.replace(/.$/, '*'), 'no']) {
      expect((await failureOf(() => openText(text, { with: ring, context }))).code).toBe('unopened')
    }
    expect((await failureOf(() => openText(5 as never, { with: ring, context }))).code).toBe('option-invalid')
  })

  it('an envelope of bytes that are no text does not open as one', async () => {
    const sealed = toBase64url(await seal(Uint8Array.of(0xff), { to: ring, context }))
    expect(await failureOf(() => openText(sealed, { with: ring, context }))).toEqual({
      code: 'unopened',
      step: 'malformed',
    })
  })

  it('moves to another key as it is', async () => {
    const other = createKeyring({ primary: 'kek2', keys: { kek2: pattern(33).subarray(1) } })
    const moved = await rewrapText(await sealText('text', { to: ring, context }), { with: ring, to: other })
    expect(await openText(moved, { with: other, context })).toBe('text')
  })
})
