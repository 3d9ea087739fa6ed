import { expect, it } from 'vitest'
import { sealKeyOf } from '../../src/flow/seal-key.ts'
import { engineOf } from '../../src/flow/workload.ts'
import { generateKey, publicJwk } from '../../src/keys/jwk.ts'
import { testDomain } from '../../src/testing/test-domain.ts'
import type { VerifiedToken } from '../../src/token/verify-wit.ts'
import { trustBundle } from '../../src/trust/source.ts'

it('prefers the key pinned in the trust bundle to the one a token names', async () => {
  const domain = await testDomain('acme.test')
  const { keys } = await domain.credentials()
  const [anchor] = keys
  if (anchor === undefined) throw new Error('no anchor')
  const [pinned, named] = [
    publicJwk(await generateKey({ alg: 'X25519' })),
    publicJwk(await generateKey({ alg: 'X25519' })),
  ]
  const trust = trustBundle({
    trust_domains: { 'acme.test': { keys: [publicJwk(anchor)] } },
    workloads: { 'spiffe://acme.test/pinned': { seal: [pinned] } },
  })
  const engine = engineOf(await domain.workload('ledger', { trust }))
  // Only the one field that is looked at.
  const token = { sealKey: named } as unknown as VerifiedToken
  expect(sealKeyOf(engine, 'spiffe://acme.test/pinned', token)?.x).toBe(pinned.x)
  expect(sealKeyOf(engine, 'spiffe://acme.test/other', token)?.x).toBe(named.x)
  expect(sealKeyOf(engine, 'spiffe://acme.test/other', undefined)).toBeUndefined()
})
