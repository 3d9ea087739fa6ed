import { expect, it, vi } from 'vitest'
import { createKeyring, open, recipient, seal } from '../../src/envelope.ts'
import { codeOf, freshJwk, pattern, publicOf } from './fixtures.ts'
import { ownVectors } from './own-vectors.ts'
import { envelopeVectors } from './vector-suite.ts'

vi.mock('#crypto', () => import('../../src/crypto/web.ts'))

envelopeVectors('web')
ownVectors('web')

it('tells at its first use a private key whose public half is another key’s, and goes on telling', async () => {
  for (const curve of ['P-256', 'X25519'] as const) {
    const [jwk, other] = [await freshJwk(curve), await freshJwk(curve)]
    const keyring = createKeyring({ primary: 'k', keys: { k: { ...jwk, d: other.d as string } } })
    const envelope = await seal(pattern(3), { to: recipient({ ...publicOf(jwk), kid: 'k' }) })
    expect(await codeOf(() => open(envelope, { with: keyring }))).toBe('key-invalid')
    expect(await codeOf(() => open(envelope, { with: keyring }))).toBe('key-invalid')
    const good = createKeyring({ primary: 'k', keys: { k: jwk } })
    expect(await open(envelope, { with: good })).toEqual(pattern(3))
  }
})

it('keeps its own copy of a key that is imported at its first use', async () => {
  const jwk = { ...(await freshJwk('P-256')) }
  const keyring = createKeyring({ primary: 'k', keys: { k: jwk } })
  const envelope = await seal(pattern(3), { to: keyring })
  Object.assign(jwk, await freshJwk('P-256'))
  expect(await open(envelope, { with: keyring })).toEqual(pattern(3))
})
