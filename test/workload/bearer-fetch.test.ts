import { beforeAll, describe, expect, it } from 'vitest'
import type { Jwk } from '../../src/crypto/primitives.ts'
import { generateKey } from '../../src/keys/jwk.ts'
import type { BearerSource } from '../../src/token/bearer-source.ts'
import { gateToken } from '../../src/token/gate.ts'
import { bearerFetch } from '../../src/workload/bearer-fetch.ts'
import { clockAt, failureOf, NOW } from '../token/fixtures.ts'

const API = 'https://api.test/entries'

let dpopKey: Jwk
beforeAll(async () => {
  dpopKey = await generateKey({ alg: 'ES256', kid: 'holder' })
})

type Answer = (request: Request, count: number) => Response | Promise<Response>

/** A service without a network: what it was asked, and how often for a token. */
function service(answer: Answer, bound?: Jwk) {
  const seen: Request[] = []
  const inits: RequestInit[] = []
  let asked = 0
  const source: BearerSource = () => ({ token: `token-${++asked}`, dpopKey: bound })
  const call = bearerFetch(source, {
    clock: clockAt(),
    fetch: async (input, init = {}) => {
      const request = new Request(input, { ...init, duplex: 'half' } as RequestInit)
      inits.push(init)
      seen.push(request)
      return answer(request, seen.length)
    },
  })
  const tokens = () => seen.map(({ headers }) => headers.get('authorization'))
  const proofs = () => seen.map(({ headers }) => gateToken(headers.get('dpop') ?? '').claims)
  return { call, seen, inits, tokens, proofs, asked: () => asked }
}

const refusal = (error: string, more: Record<string, string> = {}) =>
  new Response('no', { status: 401, headers: { 'www-authenticate': `Bearer error="${error}"`, ...more } })
const ok: Answer = () => new Response('ok')
const invalidAtFirst: Answer = (_, count) => (count === 1 ? refusal('invalid_token') : new Response('ok'))
const stream = () => new Blob(['body']).stream()

describe('bearerFetch', () => {
  it('sends the token with what the call has', async () => {
    const { call, seen, tokens } = service(ok)
    const answer = await call(`${API}?page=2`, { method: 'post', body: 'x', headers: { accept: 'text/plain' } })
    expect(await answer.text()).toBe('ok')
    const [request] = seen as [Request]
    expect([request.url, request.method, request.headers.get('accept'), await request.text()]).toEqual([
      `${API}?page=2`,
      'POST',
      'text/plain',
      'x',
    ])
    expect(request.headers.has('dpop')).toBe(false)
    expect(tokens()).toEqual(['Bearer token-1'])
    await call(new Request(API, { method: 'PUT', body: 'y', headers: { 'x-own': '1' } }))
    expect([seen[1]?.method, seen[1]?.headers.get('x-own'), await seen[1]?.text()]).toEqual(['PUT', '1', 'y'])
    expect(tokens()[1]).toBe('Bearer token-1')
  })

  it('sends a call once more with another token where the first was refused', async () => {
    const bodies = [undefined, 'text', new Uint8Array([1]), new URLSearchParams('a=1'), new Blob(['x']), new FormData()]
    for (const body of bodies) {
      const { call, tokens } = service(invalidAtFirst)
      expect((await call(API, body === undefined ? {} : { method: 'POST', body })).status).toBe(200)
      expect(tokens()).toEqual(['Bearer token-1', 'Bearer token-2'])
    }
  })

  it('a call is sent once more with another token, and not twice', async () => {
    let count = 0
    const clock = clockAt()
    const call = bearerFetch(() => ({ token: `token-${++count}` }), {
      clock,
      fetch: async () => {
        clock.advance(60)
        return refusal('invalid_token')
      },
    })
    expect([(await call(API)).status, count]).toEqual([401, 2])
  })

  it('a token that was refused is not sent again in the same call', async () => {
    let [sent, asked] = [0, 0]
    const fetch = async () => {
      sent++
      return refusal('invalid_token')
    }
    const source = () => {
      asked++
      return { token: 'the only one'.replaceAll(' ', '-') }
    }
    const answer = await bearerFetch(source, { fetch })(API)
    expect([answer.status, await answer.text(), sent, asked]).toEqual([401, 'no', 1, 2])
  })

  it('gives every other answer as it is', async () => {
    for (const error of ['insufficient_scope', 'invalid_request', 'use_dpop_nonce']) {
      const { call, tokens } = service(() => refusal(error, { 'dpop-nonce': 'n-1' }))
      expect((await call(API)).status).toBe(401)
      expect(tokens()).toHaveLength(1)
    }
    const { call, tokens } = service(() => {
      const headers = { 'www-authenticate': 'Bearer error="invalid_token"' }
      return new Response('no', { status: 403, headers })
    })
    expect([(await call(API)).status, tokens().length]).toEqual([403, 1])
  })

  it('a call whose body can be read once is not sent a second time for the sake of its token', async () => {
    for (const make of [
      () => call(API, { method: 'POST', body: stream(), duplex: 'half' } as RequestInit),
      () => call(new Request(API, { method: 'POST', body: 'x' })),
    ]) {
      const before = tokens().length
      expect((await make()).status).toBe(401)
      expect(tokens()).toHaveLength(before + 1)
    }
  })
  const { call, tokens } = service(() => refusal('invalid_token'))

  it('lets go of an answer whose call is made again', async () => {
    let isCancelled = false
    const body = new ReadableStream({
      cancel() {
        isCancelled = true
      },
    })
    const answers: Answer = (_, count) =>
      count === 1
        ? new Response(body, { status: 401, headers: { 'www-authenticate': 'Bearer error="invalid_token"' } })
        : new Response('ok')
    await service(answers).call(API)
    expect(isCancelled).toBe(true)
  })

  it('asks once for a token for many calls at once, refused ones too', async () => {
    const { call, asked, seen } = service(({ headers }) =>
      headers.get('authorization') === 'Bearer token-1' ? refusal('invalid_token') : new Response('ok'),
    )
    const answers = await Promise.all(Array.from({ length: 50 }, () => call(API)))
    expect([answers.every(({ status }) => status === 200), asked(), seen.length]).toEqual([true, 2, 100])
  })

  it('an access token does not travel without TLS, but on this machine', async () => {
    const { call, seen, asked } = service(ok)
    for (const url of [
      'http://api.test/x',
      'ftp://api.test/x',
      '/x',
      'http://127.0.0.1.api.test/',
      'http://localhost.api.test/',
    ])
      await expect(call(url)).rejects.toMatchObject({ code: 'option-invalid', detail: { option: 'url' } })
    expect([seen.length, asked()]).toEqual([0, 0])
    for (const url of ['http://127.0.0.1:8080/x', 'http://localhost/x', 'http://[::1]/x', API]) await call(url)
  })

  it('a call with an access token that is to follow redirects is refused', async () => {
    const { call, seen } = service(ok)
    await expect(call(API, { redirect: 'follow' })).rejects.toMatchObject({
      code: 'option-invalid',
      detail: { option: 'redirect' },
    })
    expect(seen).toHaveLength(0)
  })

  it('gives redirects as answers', async () => {
    const { call, seen, inits } = service(() => Response.redirect('https://elsewhere.test/'))
    expect((await call(API)).status).toBe(302)
    await call(new Request(API))
    await call(new Request(API, { redirect: 'error' }))
    await call(API, { redirect: 'error' })
    expect(inits.map(({ redirect }) => redirect)).toEqual(['manual', 'manual', 'error', 'error'])
    expect(seen.every(({ url }) => url === API)).toBe(true)
  })

  it('a call that an access token is written into is refused where it has one already', async () => {
    const { call, seen } = service(ok)
    for (const name of ['authorization', 'DPoP']) {
      const headers = { [name]: 'mine' }
      await expect(call(API, { headers })).rejects.toMatchObject({ code: 'field-reserved' })
      await expect(call(new Request(API, { headers }))).rejects.toMatchObject({ code: 'field-reserved' })
    }
    expect(seen).toHaveLength(0)
  })

  it('a fetch with access tokens is not made without a source of them', () => {
    for (const source of [undefined, 'token', { token: 'x' }])
      expect(() => bearerFetch(source as never)).toThrow(expect.objectContaining({ code: 'option-invalid' }))
    expect(() => bearerFetch(() => ({ token: 'x' }), { fetch: 7 as never })).toThrow(
      expect.objectContaining({ code: 'option-invalid' }),
    )
  })

  it('waits for a token no longer than the call does', async () => {
    const never = () => new Promise<never>(() => undefined)
    const controller = new AbortController()
    const failure = failureOf(() => bearerFetch(never, { fetch: fetch })(API, { signal: controller.signal }))
    controller.abort(new Error('enough'))
    expect(await failure).toMatchObject({ message: 'enough' })
    const aborted = AbortSignal.abort(new Error('before'))
    const { call, asked } = service(ok)
    expect(await failureOf(() => call(API, { signal: aborted }))).toMatchObject({ message: 'before' })
    expect(asked()).toBe(0)
  })

  it('lets go of the answer where there is no other token', async () => {
    let [count, isCancelled] = [0, false]
    const body = new ReadableStream({
      cancel() {
        isCancelled = true
      },
    })
    const source = () => {
      if (++count === 2) throw new Error('down')
      return { token: 'token' }
    }
    const headers = { 'www-authenticate': 'Bearer error="invalid_token"' }
    const call = bearerFetch(source, { fetch: async () => new Response(body, { status: 401, headers }) })
    await expect(call(API)).rejects.toMatchObject({ code: 'credentials-unavailable' })
    expect(isCancelled).toBe(true)
  })
})

describe('with a token that is bound to a key', () => {
  const nonceAtFirst: Answer = (_, count) =>
    count === 1
      ? new Response('no', {
          status: 401,
          headers: { 'www-authenticate': 'DPoP error="use_dpop_nonce"', 'dpop-nonce': 'n-1' },
        })
      : new Response('ok')

  it('each call has a proof of its own', async () => {
    const { call, seen, tokens, proofs } = service(ok, dpopKey)
    await call(`${API}?page=2#top`, { method: 'patch' })
    await call(API, { method: 'post' })
    expect(tokens()).toEqual(['DPoP token-1', 'DPoP token-1'])
    const [first, second] = proofs()
    expect(seen.map(({ method }) => method)).toEqual(['PATCH', 'POST'])
    expect(first).toMatchObject({ htm: 'PATCH', htu: API, iat: NOW })
    expect(second).toMatchObject({ htm: 'POST', htu: API })
    expect(first).not.toHaveProperty('nonce')
    expect(first?.jti).not.toBe(second?.jti)
  })

  it('is sent once more with the nonce that the service asks for, and with it from then on', async () => {
    const { call, proofs, asked } = service(nonceAtFirst, dpopKey)
    expect((await call(API, { method: 'POST', body: 'x' })).status).toBe(200)
    await call(API)
    expect(proofs().map(({ nonce }) => nonce)).toEqual([undefined, 'n-1', 'n-1'])
    expect(new Set(proofs().map(({ jti }) => jti)).size).toBe(3)
    expect(asked()).toBe(1)
  })

  it('a call is sent once more with a nonce, and only where there is another one', async () => {
    const ask = (nonce: (count: number) => string) => (_: Request, count: number) => {
      const headers = { 'www-authenticate': 'DPoP error="use_dpop_nonce"', 'dpop-nonce': nonce(count) }
      return new Response('no', { status: 401, headers })
    }
    const always = service(
      ask((count) => `n-${count}`),
      dpopKey,
    )
    expect([(await always.call(API)).status, always.seen.length]).toEqual([401, 2])
    const same = service(
      ask(() => 'n-1'),
      dpopKey,
    )
    await same.call(API)
    expect([(await same.call(API)).status, same.seen.length]).toEqual([401, 3])
  })

  it('takes the newest nonce from any answer, for its origin alone', async () => {
    const { call, proofs } = service(
      (_, count) => new Response('ok', { headers: count < 3 ? { 'dpop-nonce': `n-${count}` } : {} }),
      dpopKey,
    )
    for (const url of [API, API, 'https://other.test/', API]) await call(url)
    expect(proofs().map(({ nonce }) => nonce)).toEqual([undefined, 'n-1', undefined, 'n-2'])
  })

  it('what a service gives as a nonce is not sent where it is none', async () => {
    for (const bad of ['two words', '', 'a"b', 'n'.repeat(1025)]) {
      const { call, proofs } = service(() => new Response('ok', { headers: { 'dpop-nonce': bad } }), dpopKey)
      await call(API)
      await call(API)
      expect(proofs()[1]).not.toHaveProperty('nonce')
    }
  })

  it('may be sent with a nonce and then with another token', async () => {
    const { call, seen, proofs, tokens } = service((request, count) => {
      if (count === 2) return refusal('invalid_token', { 'dpop-nonce': 'n-2' })
      return nonceAtFirst(request, count)
    }, dpopKey)
    expect([(await call(API)).status, seen.length]).toEqual([200, 3])
    expect(proofs().map(({ nonce }) => nonce)).toEqual([undefined, 'n-1', 'n-2'])
    expect(tokens()).toEqual(['DPoP token-1', 'DPoP token-1', 'DPoP token-2'])
  })

  it('remembers the nonces of a thousand origins', async () => {
    const { call, proofs } = service(
      (_, count) => new Response('ok', { headers: { 'dpop-nonce': `n-${count}` } }),
      dpopKey,
    )
    for (let i = 0; i < 1001; i++) await call(`https://api-${i}.test/`)
    await call('https://api-1.test/')
    await call('https://api-0.test/')
    expect(
      proofs()
        .slice(-2)
        .map(({ nonce }) => nonce),
    ).toEqual(['n-2', undefined])
  })
})
