import { afterEach, expect, it, vi } from 'vitest'
import { primitives } from '../../src/crypto/node.ts'
import { suiteOfKey } from '../../src/crypto/suites.ts'
import { generateKey } from '../../src/keys/jwk.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

it('generates keys on curves that the runtime lacks', async () => {
  vi.spyOn(crypto.subtle, 'generateKey').mockRejectedValue(new DOMException('no', 'NotSupportedError'))
  const [sign, agree] = [await generateKey({ alg: 'Ed25519' }), await generateKey({ alg: 'X25519' })]
  await primitives.signingKey(suiteOfKey(sign), sign)
  await primitives.agreementKey('X25519', agree)
  expect([sign.alg, agree.use]).toEqual(['Ed25519', 'enc'])
})
