import { afterEach, describe, expect, it, vi } from 'vitest'
import { suiteOfKey } from '../../src/crypto/suites.ts'
import { generateKey } from '../../src/keys/jwk.ts'

afterEach(() => {
  vi.restoreAllMocks()
  vi.resetModules()
})

/** The module as it is when nothing has been asked of the runtime yet. */
async function freshWeb() {
  vi.resetModules()
  return (await import('../../src/crypto/web.ts')).primitives
}

describe('the curves of a runtime', () => {
  it('are asked for when they are needed, and once', async () => {
    const ed25519 = await generateKey({ alg: 'Ed25519' })
    const generate = vi.spyOn(crypto.subtle, 'generateKey')
    const web = await freshWeb()
    await web.signingKey(suiteOfKey(await generateKey({ alg: 'ES256' })), await generateKey({ alg: 'ES256' }))
    const before = generate.mock.calls.length
    await Promise.all([web.signingKey(suiteOfKey(ed25519), ed25519), web.signingKey(suiteOfKey(ed25519), ed25519)])
    await web.signingKey(suiteOfKey(ed25519), ed25519)
    expect(generate.mock.calls.length - before).toBe(1)
  })

  it('are done without where they are not there', async () => {
    const [ed25519, x25519] = [await generateKey({ alg: 'Ed25519' }), await generateKey({ alg: 'X25519' })]
    const lacking = new DOMException('no', 'NotSupportedError')
    vi.spyOn(crypto.subtle, 'generateKey').mockRejectedValue(lacking)
    vi.spyOn(crypto.subtle, 'importKey').mockRejectedValue(lacking)
    vi.spyOn(crypto.subtle, 'deriveBits').mockRejectedValue(lacking)
    const web = await freshWeb()
    expect(await web.sign(await web.signingKey(suiteOfKey(ed25519), ed25519), Uint8Array.of(1))).toHaveLength(64)
    const { key, point } = await web.generateAgreement('X25519')
    expect(await web.agree(await web.agreementKey('X25519', x25519), point)).toHaveLength(32)
    expect(await web.agree(key, new Uint8Array(32))).toBeUndefined()
  })
})
