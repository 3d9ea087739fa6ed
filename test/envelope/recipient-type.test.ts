import { describe, expect, it } from 'vitest'
import { encodeKid } from '../../src/envelope/recipient-type.ts'
import { createKeyring, recipient } from '../../src/envelope.ts'
import { codeOf, freshJwk, pattern, publicOf } from './fixtures.ts'

describe('recipient types', () => {
  it('a key id that is not of 1 to 255 bytes is refused', async () => {
    const jwk = publicOf(await freshJwk('X25519'))
    for (const kid of ['', 'x'.repeat(256), 'é'.repeat(128), '\ud800']) {
      expect(await codeOf(() => encodeKid(kid))).toBe('key-invalid')
      expect(await codeOf(() => recipient({ ...jwk, kid }))).toBe('key-invalid')
      expect(await codeOf(() => createKeyring({ primary: kid, keys: { [kid]: pattern(32) } }))).toBe('key-invalid')
    }
    expect(encodeKid('é'.repeat(127)).length).toBe(255)
    expect(recipient({ ...jwk, kid: 'x'.repeat(255) }).kid.length).toBe(255)
  })
})
