import { expect, it } from 'vitest'
import { callIdOf } from '../../src/flow/call-id.ts'

it('writes a nonce of 128 bits as a UUID, and makes one up for any other', () => {
  expect(callIdOf('AAAAAAAAAAAAAAAAAAAAAA')).toBe('00000000-0000-4000-8000-000000000000')
  expect(callIdOf('_____________________w')).toBe('ffffffff-ffff-4fff-bfff-ffffffffffff')
  for (const nonce of [undefined, '', 'AAAA', 'A'.repeat(43), 'not base64url!']) {
    expect(callIdOf(nonce)).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(callIdOf(nonce)).not.toBe(callIdOf(nonce))
  }
})
