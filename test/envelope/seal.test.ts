import { describe, expect, it } from 'vitest'
import { sealWith } from '../../src/envelope/seal.ts'
import { createKeyring, type EnvelopeContext, open, type Recipient, recipient, seal } from '../../src/envelope.ts'
import { failureOf, fixedEntropy, freshJwk, pattern, publicOf } from './fixtures.ts'

const key = new Uint8Array(32).fill(7)
const keyring = createKeyring({ primary: 'k', keys: { k: key } })
const recipientsNamed = async (count: number) => {
  const jwk = publicOf(await freshJwk('X25519'))
  return Array.from({ length: count }, (_, i) => recipient({ ...jwk, kid: `r${i}` }))
}

describe('seal', () => {
  it('sealing to nobody or to more than 32 recipients is refused', async () => {
    const many = await recipientsNamed(33)
    const to = (recipients: Recipient[]) => failureOf(() => seal(pattern(1), { to: recipients }))
    expect(await to([])).toEqual({ code: 'option-invalid', option: 'to' })
    expect(await to(many)).toEqual({ code: 'option-invalid', option: 'to' })
    expect(await to(many.slice(1))).toEqual({ code: 'none' })
  })

  it('sealing to two recipients of one type and key id is refused', async () => {
    const [one] = (await recipientsNamed(1)) as [Recipient]
    const failure = await failureOf(() => seal(pattern(1), { to: [one, keyring, one] }))
    expect(failure).toEqual({ code: 'option-invalid', option: 'to' })
    const other = recipient({ ...publicOf(await freshJwk('X25519')), kid: 'k' })
    expect(await failureOf(() => seal(pattern(1), { to: [keyring, other] }))).toEqual({ code: 'none' })
  })

  it('sealing under a context that has no encoding is refused', async () => {
    for (const value of ['x'.repeat(65_536), '\ud800']) {
      const failure = await failureOf(() => seal(pattern(1), { to: keyring, context: { value } }))
      expect(failure).toEqual({ code: 'option-invalid', option: 'context' })
    }
    const failure = await failureOf(() =>
      seal(pattern(1), { to: keyring, context: { a: 1 } as unknown as EnvelopeContext }),
    )
    expect(failure).toEqual({ code: 'option-invalid', option: 'context.a' })
  })

  it('never seals twice alike', async () => {
    const [a, b] = await Promise.all([seal(pattern(40), { to: keyring }), seal(pattern(40), { to: keyring })])
    const tail = (envelope: Uint8Array) => [...envelope.subarray(12 + 1)]
    expect(tail(a)).not.toEqual(tail(b))
    expect(a.subarray(-56)).not.toEqual(b.subarray(-56))
  })

  it('leaves what it was given as it was', async () => {
    const plaintext = pattern(100)
    const envelope = await seal(plaintext, { to: keyring })
    expect(plaintext).toEqual(pattern(100))
    const before = Uint8Array.from(envelope)
    await open(envelope, { with: keyring })
    expect(envelope).toEqual(before)
  })

  it('lets each of several recipients open', async () => {
    const jwks = { p: await freshJwk('P-256'), x: await freshJwk('X25519') }
    const to = [recipient({ ...publicOf(jwks.p), kid: 'p' }), keyring, recipient({ ...publicOf(jwks.x), kid: 'x' })]
    const envelope = await seal(pattern(33), { to })
    for (const ring of [
      keyring,
      createKeyring({ primary: 'p', keys: { p: jwks.p } }),
      createKeyring({ primary: 'x', keys: { x: jwks.x } }),
    ]) {
      expect(await open(envelope, { with: ring })).toEqual(pattern(33))
    }
  })

  it('wipes the data key', async () => {
    const dataKey = pattern(32)
    await sealWith({ ...fixedEntropy({}), dataKey: () => dataKey }, pattern(5), { to: keyring })
    expect(dataKey).toEqual(new Uint8Array(32))
  })
})
