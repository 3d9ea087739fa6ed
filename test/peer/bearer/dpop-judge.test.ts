import { afterEach, describe, expect, it } from 'vitest'
import { API, type BearerDomainOptions, bearerDomain, holder } from './bearer-domain.ts'

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const one of open.splice(0)) await one.close()
})

async function bound(options: BearerDomainOptions = {}) {
  const served = await bearerDomain(options)
  open.push(served)
  const { jkt, prove } = await holder(served.now)
  const token = await served.mint({ cnf: { jkt } })
  const send = async (proof: string | undefined, scheme = 'DPoP') =>
    served.send(token, scheme, proof === undefined ? {} : { dpop: proof })
  return { ...served, token, prove, send, jkt }
}

describe('an access token that is bound to a key', () => {
  it('is taken with a proof by that key', async () => {
    const { send, prove, token, outcome } = await bound()
    expect(await outcome(send(await prove(token)))).toBe('200')
    expect(await outcome(send(await prove(token)))).toBe('200')
  })

  it('an access token that is bound to a key is refused where it comes as a bearer token', async () => {
    const { send, prove, token, outcome } = await bound()
    expect(await outcome(send(await prove(token), 'Bearer'))).toBe('401 bearer-invalid scheme')
    expect(await outcome(send(undefined, 'Bearer'))).toBe('401 bearer-invalid scheme')
  })

  it('an access token that is bound to a key is refused without a proof', async () => {
    const { send, outcome, lastCode } = await bound()
    const answer = send(undefined)
    expect(await outcome(answer)).toBe('401 dpop-invalid missing')
    expect(lastCode()).toBe('dpop-invalid')
    expect((await answer).headers.get('www-authenticate')).toBe(
      'DPoP error="invalid_dpop_proof", algs="ES256 EdDSA Ed25519"',
    )
  })

  it('a proof by another key than the one an access token is bound to is refused', async () => {
    const { send, token, outcome, now } = await bound()
    const thief = await holder(now)
    expect(await outcome(send(await thief.prove(token)))).toBe('401 dpop-invalid jkt')
  })

  it('a proof that came with an access token before is refused', async () => {
    const { domain, token, prove, outcome, now, mint, jkt } = await bound()
    const proof = await prove(token, { htm: 'POST' })
    const post = (url: string, body: string, bearer = token) =>
      domain.deliver(
        new Request(url, { method: 'POST', body, headers: { authorization: `DPoP ${bearer}`, dpop: proof } }),
      )
    expect(await outcome(post(`${API}/entries`, 'a'))).toBe('200')
    // Whatever body or query comes with it.
    expect(await outcome(post(`${API}/entries`, 'a'))).toBe('401 dpop-invalid claim')
    expect(await outcome(post(`${API}/entries?to=x`, 'b'))).toBe('401 dpop-invalid claim')
    const other = await mint({ cnf: { jkt }, jti: 'other', exp: now() + 60 })
    expect(await outcome(post(`${API}/entries`, 'a', other))).toBe('401 dpop-invalid ath')
    domain.clock.advance(89)
    expect(await outcome(post(`${API}/entries`, 'a'))).toBe('401 dpop-invalid claim')
    domain.clock.advance(2)
    expect(await outcome(post(`${API}/entries`, 'a'))).toBe('401 dpop-invalid iat')
  })

  it('a proof for another method, URL or token is refused', async () => {
    const { send, prove, token, outcome, mint } = await bound()
    const bad = {
      htm: await prove(token, { htm: 'POST' }),
      htu: await prove(token, { htu: `${API}/other` }),
      ath: await prove(await mint({ jti: 'x' })),
      iat: await prove(token, { iat: 1 }),
    }
    for (const [step, proof] of Object.entries(bad)) expect(await outcome(send(proof))).toBe(`401 dpop-invalid ${step}`)
    for (const htu of ['https://evil.test/entries', 'http://ledger.test/entries', `${API}:8443/entries`]) {
      expect(await outcome(send(await prove(token, { htu })))).toBe('401 dpop-invalid htu')
    }
    const twice = `${await prove(token)}, ${await prove(token)}`
    expect(await outcome(send(twice))).toBe('401 dpop-invalid segments')
  })

  it('a store of seen proofs that is full refuses it with 503', async () => {
    const replay = {
      claim(): never {
        throw new Error('down')
      },
    }
    const { send, prove, token, outcome } = await bound({ workload: { replay } })
    expect(await outcome(send(await prove(token)))).toBe('503 replay-unavailable claim')
  })
})

describe('an access token that is bound to no key', () => {
  it('an access token that is bound to no key is refused where it comes as if it were', async () => {
    const { mint, prove, outcome, token, ...served } = await bound()
    const plain = await mint()
    const answer = served.domain.deliver(
      new Request(`${API}/entries`, { headers: { authorization: `DPoP ${plain}`, dpop: await prove(plain) } }),
    )
    expect(await outcome(answer)).toBe('401 bearer-invalid unbound')
  })

  it('an access token that is bound to no key is refused where its issuer has to bind them', async () => {
    const served = await bearerDomain({ issuers: [{ dpop: { required: true } }] })
    open.push(served)
    const answer = served.send(await served.mint())
    expect(await served.outcome(answer)).toBe('401 bearer-invalid unbound')
    expect((await answer).headers.get('www-authenticate')).toBe(
      'DPoP error="invalid_token", algs="ES256 EdDSA Ed25519"',
    )
  })

  it('an access token that is bound to a certificate is refused where another or none was shown', async () => {
    const served = await bearerDomain()
    open.push(served)
    const token = await served.mint({ cnf: { 'x5t#S256': 'bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2' } })
    expect(await served.outcome(served.send(token))).toBe('401 bearer-invalid certificate')
  })
})

describe('nonces', () => {
  it('are given one at a time, whatever other issuers demand', async () => {
    const second = 'https://second.test'
    const issuers = [{}, { issuer: second }].map((one) => ({ ...one, dpop: { nonces: true } }))
    const { mint, jkt, prove, token, ask, outcome } = await bound({ issuers })
    const other = await mint({ iss: second, cnf: { jkt } })
    const send = async (bearer: string, more = {}) =>
      ask({ authorization: `DPoP ${bearer}`, dpop: await prove(bearer, more) })
    expect((await send(token)).headers.get('dpop-nonce')).toBeTruthy()
    const nonce = (await send(other)).headers.get('dpop-nonce') ?? ''
    expect(await outcome(send(other, { nonce }))).toBe('200')
    // The nonce of one issuer is none of the other's.
    expect(await outcome(send(token, { nonce }))).toBe('401 dpop-nonce-required nonce')
  })

  it('a proof without a nonce of ours that holds is refused where nonces are demanded', async () => {
    const { send, prove, token, outcome, domain, lastCode } = await bound({ issuers: [{ dpop: { nonces: true } }] })
    const answer = await send(await prove(token))
    const nonce = answer.headers.get('dpop-nonce') ?? ''
    expect([answer.status, answer.headers.get('cache-control')]).toEqual([401, 'no-store'])
    expect(answer.headers.get('www-authenticate')).toBe('DPoP error="use_dpop_nonce", algs="ES256 EdDSA Ed25519"')
    expect(await outcome(send(await prove(token, { nonce })))).toBe('200')
    expect(await outcome(send(await prove(token, { nonce: `${nonce}A` })))).toBe('401 dpop-nonce-required nonce')
    expect(lastCode()).toBe('dpop-nonce-required')
    domain.clock.advance(120)
    expect(await outcome(send(await prove(token, { nonce })))).toBe('401 dpop-nonce-required nonce')
  })

  it('of one route hold on all that use the same authenticator', async () => {
    const other = 'https://other.test'
    const options = { issuers: [{ dpop: { nonces: true } }], workload: { audiences: [API, other] } }
    const { domain, ledger, accept, send, prove, token, outcome } = await bound(options)
    domain.serve(ledger, other, () => new Response('ok'), { accept, policy: { decide: () => ({ effect: 'allow' }) } })
    const { headers } = await send(await prove(token))
    const nonce = headers.get('dpop-nonce') ?? ''
    const ask = async (dpop: string) =>
      domain.deliver(new Request(`${other}/entries`, { headers: { authorization: `DPoP ${token}`, dpop } }))
    const htu = `${other}/entries`
    expect(await outcome(ask(await prove(token, { htu })))).toBe('401 dpop-nonce-required nonce')
    expect(await outcome(ask(await prove(token, { htu, nonce })))).toBe('200')
  })

  it('of one process hold in another with the same secret', async () => {
    const nonces = new Uint8Array(32).fill(7)
    const one = await bound({ issuers: [{ dpop: { nonces } }] })
    const other = await bound({ issuers: [{ dpop: { nonces } }] })
    const { headers } = await one.send(await one.prove(one.token))
    const nonce = headers.get('dpop-nonce') ?? ''
    expect(await other.outcome(other.send(await other.prove(other.token, { nonce })))).toBe('200')
  })
})
