import { describe, expect, it } from 'vitest'
import { bearerToken } from '../../src/accept.ts'
import { callOf } from '../../src/adapters/call-of.ts'
import type { FetchHandler } from '../../src/adapters/fetch.ts'
import type { GuardOptions } from '../../src/flow/inbound/guard-options.ts'
import { generateKey } from '../../src/keys/jwk.ts'
import { workloadProof } from '../../src/peer/workload-proof.ts'
import { testDomain } from '../../src/testing/test-domain.ts'
import type { BearerSource } from '../../src/token/bearer-source.ts'
import { verifyDpop } from '../../src/token/dpop.ts'
import { answerOf } from '../../src/workload/secure-fetch.ts'

const LEDGER = 'spiffe://acme.test/ledger'

async function callWith(bearer: BearerSource, handler: FetchHandler<[]>, options: Partial<GuardOptions> = {}) {
  const domain = await testDomain('acme.test')
  domain.serve(await domain.workload('ledger'), 'https://ledger.test', handler, options)
  const orders = await domain.workload('orders')
  return { domain, orders, call: orders.client({ peer: LEDGER, baseUrl: 'https://ledger.test/', bearer }) }
}

const counted = () => {
  let count = 0
  return { bearer: () => ({ token: `token-${++count}` }), asked: () => count }
}

describe('client({ bearer })', () => {
  it('sends the token under the proof of the workload, and gives a verified answer', async () => {
    const { bearer, asked } = counted()
    const { call } = await callWith(bearer, (request) => {
      const { peer } = callOf(request)
      return Response.json({ id: peer.id, by: peer.authenticatedBy, token: request.headers.get('authorization') })
    })
    for (const by of ['session', 'session']) {
      const answer = await call('/entries', { method: 'POST', body: 'x' })
      expect(await answer.json()).toEqual({ id: 'spiffe://acme.test/orders', by, token: 'Bearer token-1' })
      expect(answerOf(answer).peer.id).toBe(LEDGER)
    }
    expect(asked()).toBe(1)
  })

  it('leaves the workload the caller where the guard takes access tokens, too', async () => {
    const login = bearerToken({ issuer: 'https://login.test', audience: 'x', keys: { keys: [] } })
    const { call } = await callWith(
      counted().bearer,
      (request) => Response.json([callOf(request).peer.id, request.headers.get('authorization')]),
      { accept: [workloadProof(), login] },
    )
    const answer = await call('/entries', { countersign: { proof: 'signature' } })
    expect(await answer.json()).toEqual(['spiffe://acme.test/orders', 'Bearer token-1'])
  })

  it('renews a token that the handler of the peer refuses', async () => {
    const { bearer, asked } = counted()
    const bodies: string[] = []
    const { call } = await callWith(bearer, async (request) => {
      bodies.push(await request.text())
      if (request.headers.get('authorization') !== 'Bearer token-1') return new Response('ok')
      return new Response(null, { status: 401, headers: { 'www-authenticate': 'Bearer error="invalid_token"' } })
    })
    expect((await call('/entries', { method: 'POST', body: 'x' })).status).toBe(200)
    expect([asked(), bodies]).toEqual([2, ['x', 'x']])
  })

  it('proves the key of the token for the path as it is signed', async () => {
    const dpopKey = await generateKey({ alg: 'ES256' })
    const seen: unknown[] = []
    const { call, domain } = await callWith(
      () => ({ token: 'token', dpopKey }),
      async (request) => {
        const { nonce } = await verifyDpop(request.headers.get('dpop') ?? '', {
          method: request.method,
          isTarget: (url) => url === 'https://ledger.test/~a/entries',
          token: 'token',
          nowSeconds: Math.floor(domain.clock.now() / 1000),
          toleranceSeconds: 0,
        })
        seen.push(nonce)
        if (nonce === 'n-1') return new Response('ok')
        const headers = { 'www-authenticate': 'DPoP error="use_dpop_nonce"', 'dpop-nonce': 'n-1' }
        return new Response(null, { status: 401, headers })
      },
    )
    expect((await call('/%7Ea/entries?page=2')).status).toBe(200)
    expect(seen).toEqual([undefined, 'n-1'])
  })

  it('makes no call without a token, nor without TLS', async () => {
    let calls = 0
    const handler = () => {
      calls++
      return new Response('ok')
    }
    const { call, orders } = await callWith(() => Promise.reject(new Error('down')), handler)
    await expect(call('/entries')).rejects.toMatchObject({ code: 'credentials-unavailable' })
    const plain = orders.client({ peer: LEDGER, baseUrl: 'http://ledger.test', bearer: counted().bearer })
    await expect(plain('/entries')).rejects.toMatchObject({ code: 'option-invalid' })
    expect(calls).toBe(0)
  })

  it('an access token goes to no other origin than those of the peer it is for', async () => {
    const { bearer, asked } = counted()
    const { domain, orders, call } = await callWith(bearer, () => new Response('ok'))
    const stolen: unknown[] = []
    const evil = await domain.workload('evil')
    domain.serve(evil, 'https://evil.test', (request) => {
      stolen.push(request.headers.get('authorization'))
      return new Response('ok')
    })
    for (const url of ['//evil.test/entries', 'https://evil.test/entries', '\\\\evil.test/entries'])
      await expect(call(url)).rejects.toMatchObject({ code: 'option-invalid' })
    expect([asked(), stolen]).toEqual([0, []])
    // Another origin that is known of the peer.
    expect((await call('https://ledger.test/entries')).status).toBe(200)
    const elsewhere = orders.client({ peer: LEDGER, baseUrl: 'https://other.test', bearer })
    expect((await elsewhere('https://ledger.test/entries')).status).toBe(200)
    await evil.close()
  })

  it('refuses what is no source, and a source for one call', async () => {
    const { orders } = await callWith(counted().bearer, () => new Response('ok'))
    expect(() => orders.client({ peer: LEDGER, bearer: 'token' as never })).toThrow(
      expect.objectContaining({
        code: 'option-invalid',
        detail: expect.objectContaining({ option: 'client options.bearer' }),
      }),
    )
    const once = { countersign: { bearer: counted().bearer } as object }
    await expect(orders.fetch('https://ledger.test/', once)).rejects.toMatchObject({ code: 'option-invalid' })
  })
})
