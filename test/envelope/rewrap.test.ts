import { describe, expect, it } from 'vitest'
import { inspect } from '../../src/envelope/inspect.ts'
import { createKeyring } from '../../src/envelope/keyring.ts'
import { open } from '../../src/envelope/open.ts'
import { recipient } from '../../src/envelope/recipients.ts'
import { rewrap } from '../../src/envelope/rewrap.ts'
import { seal } from '../../src/envelope/seal.ts'
import { failureOf, freshJwk, isSame, pattern, publicOf } from './fixtures.ts'

const before = createKeyring({ primary: 'old', keys: { old: pattern(32) } })
const after = createKeyring({ primary: 'new', keys: { new: pattern(33).subarray(1) } })
const context = { table: 'charges', id: '42' }

describe('an envelope that gets other recipients', () => {
  it.each([0, 5, 20_000, 300_000])('keeps its body of %i bytes', async (length) => {
    const envelope = await seal(pattern(length), { to: before, context })
    const kept = Uint8Array.from(envelope)
    const bodyOf = (whole: Uint8Array) => whole.subarray(inspect(whole).headerBytes)
    const moved = await rewrap(envelope, { with: before, to: after })
    expect(isSame(envelope, kept)).toBe(true)
    expect(isSame(bodyOf(moved), bodyOf(envelope))).toBe(true)
    expect(isSame(await open(moved, { with: after, context }), pattern(length))).toBe(true)
    expect((await failureOf(() => open(moved, { with: before, context }))).step).toBe('no-recipient')
  })

  it('opens for each of them, and is still bound to its context', async () => {
    const jwk = await freshJwk('P-256')
    const ring = createKeyring({ primary: 'p256', keys: { p256: jwk } })
    const [to] = [[after, recipient({ ...publicOf(jwk), kid: 'p256' })]]
    const moved = await rewrap(await seal(pattern(9), { to: before, context }), { with: before, to })
    for (const each of [after, ring]) expect(await open(moved, { with: each, context })).toEqual(pattern(9))
    const elsewhere = { ...context, id: '43' }
    expect((await failureOf(() => open(moved, { with: after, context: elsewhere }))).step).toBe('commitment')
  })

  it('must be whole in its header, and be for somebody in the keyring', async () => {
    const envelope = await seal(pattern(9), { to: before, context })
    const { headerBytes } = inspect(envelope)
    for (const at of [headerBytes - 1, headerBytes - 40, headerBytes - 80]) {
      const changed = Uint8Array.from(envelope)
      changed[at] = (changed[at] as number) ^ 1
      expect(await failureOf(() => rewrap(changed, { with: before, to: after }))).toEqual({
        code: 'unopened',
        step: 'header-mac',
      })
    }
    expect((await failureOf(() => rewrap(envelope, { with: after, to: after }))).step).toBe('no-recipient')
    expect((await failureOf(() => rewrap(envelope, { with: before, to: [] }))).code).toBe('option-invalid')
  })
})
