import { afterEach, describe, expect, it } from 'vitest'
import type { MessageCheckOptions, MessageProofOptions } from '../../src/flow/message-options.ts'
import { proveMessage, verifyMessageProof } from '../../src/flow/message-proof.ts'
import { engineOf } from '../../src/flow/workload.ts'
import { testDomain } from '../../src/testing/test-domain.ts'
import { mintProofToken } from '../../src/token/proof-token.ts'
import { refusalOf } from '../core/refusal.ts'

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const one of open.splice(0)) await one.close()
})

const payload = new TextEncoder().encode('an entry')
const LEDGER = 'spiffe://acme.test/ledger'

async function pair() {
  const domain = await testDomain('acme.test')
  const [orders, ledger] = [await domain.workload('orders'), await domain.workload('ledger')]
  open.push(orders, ledger)
  const prove = (more: Partial<MessageProofOptions> = {}) =>
    proveMessage(orders, { audience: LEDGER, payload, ...more })
  const verify = (proof: Parameters<typeof verifyMessageProof>[1], more: Partial<MessageCheckOptions> = {}) =>
    verifyMessageProof(ledger, proof, { payload, ...more })
  const codeOf = async (...given: Parameters<typeof verify>) => (await refusalOf(() => verify(...given))).code
  return { domain, orders, ledger, prove, verify, codeOf }
}

describe('a message that is not HTTP', () => {
  it('tells who sent it', async () => {
    const { prove, verify } = await pair()
    const proof = await prove()
    expect(Object.keys(proof)).toEqual(['workload-identity-token', 'workload-proof-token'])
    expect(await verify(proof)).toMatchObject({ id: 'spiffe://acme.test/orders', authenticatedBy: 'proof-token' })
  })

  it('is in the trail of both ends, whether it was taken or refused', async () => {
    const { prove, verify, codeOf, domain, orders, ledger } = await pair()
    const proof = await prove()
    await verify(proof)
    await codeOf(proof)
    await codeOf({})
    await orders.audit.flush()
    await ledger.audit.flush()
    const events = domain.sink.events.filter(({ type }) => type === 'call')
    const sent = events.find(({ side }) => side === 'caller')
    expect(sent).toMatchObject({ peer: LEDGER, requestBytes: 8, effect: 'allow' })
    const { callId } = sent ?? {}
    expect(events.filter(({ side }) => side === 'callee')).toMatchObject([
      { callId, peer: 'spiffe://acme.test/orders', authenticatedBy: 'proof-token', effect: 'allow', requestBytes: 8 },
      { callId, peer: 'anonymous', effect: 'deny', code: 'proof-replayed' },
      { peer: 'anonymous', effect: 'deny', code: 'proof-missing' },
    ])
  })

  it('a message without a proof is refused', async () => {
    const { prove, codeOf } = await pair()
    const proof = await prove()
    for (const name of ['workload-identity-token', 'workload-proof-token'])
      expect(await codeOf({ ...proof, [name]: undefined })).toBe('proof-missing')
  })

  it('a proof that does not cover the bytes of its message is refused', async () => {
    const { orders, codeOf, domain } = await pair()
    const { token, signingKey } = await engineOf(orders).credentials.current()
    const expires = Math.floor(domain.clock.now() / 1000) + 60
    const bare = await mintProofToken({ token, signingKey, audience: LEDGER, expires, id: 'a', carrier: () => [] })
    expect(await codeOf({ 'workload-identity-token': token, 'workload-proof-token': bare })).toBe('proof-incomplete')
  })

  it('is refused with other bytes, too late, and by a stranger', async () => {
    const { prove, codeOf, domain } = await pair()
    const proof = await prove()
    expect(await codeOf(proof, { payload: new TextEncoder().encode('another') })).toBe('proof-invalid')
    const stranger = await (await testDomain('acme.test')).workload('orders')
    open.push(stranger)
    const theirs = await proveMessage(stranger, { audience: LEDGER, payload })
    expect(await codeOf(theirs)).toMatch(/^token-(?:untrusted|invalid)$/)
    expect(await codeOf({ ...proof, 'workload-identity-token': theirs['workload-identity-token'] })).toMatch(/^token-/)
    domain.clock.advance(330)
    expect(await codeOf(proof)).toBe('proof-expired')
  })

  it('may be under way for as long as both ends say', async () => {
    const { prove, verify, codeOf, domain } = await pair()
    const proof = await prove({ lifetimeSeconds: 3600 })
    expect(await codeOf(proof)).toBe('proof-expired')
    domain.clock.advance(1800)
    expect(await verify(proof, { maxLifetimeSeconds: 3600 })).toBeDefined()
  })

  it('a message that is meant for somebody else is refused', async () => {
    const { prove, verify, codeOf } = await pair()
    expect(await codeOf(await prove({ audience: 'spiffe://acme.test/other' }))).toBe('audience-mismatch')
    const shared = await prove({ audience: 'queue:entries' })
    expect(await codeOf(shared)).toBe('audience-mismatch')
    expect(await verify(shared, { audiences: ['queue:entries'] })).toBeDefined()
  })

  it('a message that comes a second time is refused', async () => {
    const { prove, verify, codeOf } = await pair()
    const proof = await prove()
    expect(await verify(proof, { once: false })).toBeDefined()
    expect(await verify(proof)).toBeDefined()
    expect(await codeOf(proof)).toBe('proof-replayed')
    expect(await verify(proof, { once: false })).toBeDefined()
  })

  it('names the option that is wrong', async () => {
    const { prove, ledger } = await pair()
    expect((await refusalOf(() => prove({ audience: 'a b' }))).detail.option).toBe('proveMessage.audience')
    expect((await refusalOf(() => prove({ lifetimeSeconds: 3601 }))).detail.option).toBe('proveMessage.lifetimeSeconds')
    const text = 'an entry' as unknown as Uint8Array
    const refused = await refusalOf(() => verifyMessageProof(ledger, {}, { payload: text }))
    expect(refused.detail.option).toBe('verifyMessageProof.payload')
  })

  it('is neither proven nor taken by a workload that was closed', async () => {
    const { prove, codeOf, orders, ledger } = await pair()
    const proof = await prove()
    await orders.close()
    await ledger.close()
    expect((await refusalOf(() => prove())).code).toBe('workload-closed')
    expect(await codeOf(proof)).toBe('workload-closed')
  })
})
