import { afterEach, describe, expect, it } from 'vitest'
import { bearerToken } from '../../../src/accept.ts'
import { selfIssued } from '../../../src/keys/credentials.ts'
import { generateKey, publicJwk } from '../../../src/keys/jwk.ts'
import type { BearerTokenOptions } from '../../../src/peer/bearer/bearer-token-options.ts'
import { definePolicy } from '../../../src/policy/define-policy.ts'
import { testDomain } from '../../../src/testing/test-domain.ts'
import { trustBundle } from '../../../src/trust/source.ts'
import { refusal, refusalOf } from '../../core/refusal.ts'
import { forge } from '../../token/fixtures.ts'
import { answering, hanging, keyServer, until } from '../../trust/key-server.ts'
import { API, type BearerDomainOptions, bearerDomain, ISSUER } from './bearer-domain.ts'

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const one of open.splice(0)) await one.close()
})

async function served(options: BearerDomainOptions = {}) {
  const found = await bearerDomain(options)
  open.push(found)
  return found
}

async function issuing() {
  const server = await keyServer()
  open.push(server)
  return server
}

const SECRET = 'a secret of no less than 32 bytes'

describe('the options of an issuer', () => {
  const given = (more: Partial<BearerTokenOptions>) =>
    refusal(() => bearerToken({ issuer: ISSUER, audience: API, keys: `${ISSUER}/jwks`, ...more })).detail.option

  it('an issuer that goes by the name of a workload or of an API key is refused', () => {
    for (const issuer of ['spiffe://acme.test', 'WIMSE://acme.test', 'api-key:x', 'a b', '']) {
      expect(given({ issuer })).toBe('bearerToken.issuer')
    }
  })

  it('algorithms with a shared secret stand with the secret alone, and no other stand beside them', () => {
    expect(given({ algorithms: ['HS256'] })).toBe('bearerToken.algorithms')
    const keys = undefined
    expect(given({ keys, dangerouslySharedSecret: SECRET, algorithms: ['HS256', 'ES256'] })).toBe(
      'bearerToken.algorithms',
    )
    expect(bearerToken({ issuer: 'old', audience: API, dangerouslySharedSecret: SECRET }).name).toBe('bearer')
  })

  it('an issuer with both a shared secret and keys is refused', () => {
    expect(given({ dangerouslySharedSecret: SECRET })).toBe('bearerToken.dangerouslySharedSecret')
  })

  it('a shared secret of fewer than 32 bytes is refused', () => {
    const keys = undefined
    for (const secret of [SECRET.slice(0, 31), new Uint8Array(31)]) {
      expect(given({ keys, dangerouslySharedSecret: secret })).toBe('bearerToken.dangerouslySharedSecret')
    }
  })

  it('names what is wrong', () => {
    expect(given({ audience: [] })).toBe('bearerToken.audience')
    expect(given({ algorithms: ['none' as 'ES256'] })).toBe('bearerToken.algorithms.0')
    expect(given({ keys: 'http://login.test/jwks' })).toBe('bearerToken.keys')
    expect(given({ dpop: { nonces: new Uint8Array(31) } })).toBe('bearerToken.dpop.nonces')
    const keys = { keys: [{ kty: 'oct', k: 'AAAA' }] }
    expect(refusal(() => bearerToken({ issuer: ISSUER, audience: API, keys })).code).toBe('trust-invalid')
  })

  it('two issuers whose callers could have the same name are refused', async () => {
    for (const [one, other] of [
      [ISSUER, ISSUER],
      [ISSUER, `${ISSUER}/a`],
      [ISSUER, `${ISSUER}/`],
      [`${ISSUER}/`, `${ISSUER}/a`],
      [`${ISSUER}/a/`, `${ISSUER}/`],
    ] as const) {
      const error = await refusalOf(() => bearerDomain({ issuers: [{ issuer: one }, { issuer: other }] }))
      expect(error.detail.option).toBe('bearerToken.issuer')
    }
    const apart = await served({ issuers: [{ issuer: `${ISSUER}/a` }, { issuer: `${ISSUER}/ab` }] })
    expect((await apart.ask()).status).toBe(200)
  })
})

describe('a call with an access token', () => {
  it('is of the subject, by its issuer, with its permissions', async () => {
    const policy = definePolicy({
      version: 1,
      rules: [
        {
          id: 'users-read',
          effect: 'allow',
          from: [`${ISSUER}/*`],
          to: ['GET /entries'],
          when: { authenticatedBy: ['bearer'], scope: ['entries:read'] },
        },
      ],
    })
    const { send, mint, domain, ledger, outcome } = await served({ guard: { policy } })
    expect((await send(await mint({ scope: 'a entries:read' }))).status).toBe(200)
    await ledger.audit.flush()
    const event = domain.sink.events.findLast(({ side }) => side === 'callee')
    expect(event).toMatchObject({
      peer: `${ISSUER}/user-1`,
      authenticatedBy: 'bearer',
      effect: 'allow',
      tokenId: 'token-1',
    })
    expect((await send(await mint({ jti: '2', groups: ['entries:read'] }))).status).toBe(200)
    const denied = send(await mint({ scope: 'a' }))
    expect(await outcome(denied)).toBe('403 policy-denied policy')
    expect((await denied).headers.get('www-authenticate')).toContain('Bearer error="insufficient_scope"')
  })

  it('is named alike whether the name of its issuer ends in a slash or not, so that a pattern covers it', async () => {
    for (const issuer of [ISSUER, `${ISSUER}/`]) {
      const from = [`${ISSUER}/*`]
      const rules = [{ id: 'users', effect: 'allow' as const, from, to: ['GET /entries'] }]
      const { send, mint, outcome, domain } = await served({
        issuers: [{ issuer }],
        guard: { policy: definePolicy({ version: 1, rules }) },
      })
      expect(await outcome(send(await mint({ iss: issuer })))).toBe('200')
      expect(domain.sink.events.at(-1)?.peer).toBe(`${ISSUER}/user-1`)
    }
  })

  it('who sends nothing is told how to authenticate', async () => {
    const { ask, outcome } = await served({ guard: { policy: definePolicy({ version: 1, rules: [] }) } })
    const answer = await ask()
    expect(answer.status).toBe(401)
    expect(answer.headers.get('www-authenticate')).toBe('Bearer, DPoP algs="ES256 EdDSA Ed25519"')
    expect(await outcome(ask({ authorization: 'Basic YTpi' }))).toBe('401 authentication-required policy')
  })

  it('an access token that is not one text after its scheme and one space is refused', async () => {
    const { ask, mint, outcome } = await served()
    const token = await mint()
    for (const value of ['Bearer', `Bearer  ${token}`, `Bearer ${token}, Bearer ${token}`, `Bearer ${token} x`]) {
      expect(await outcome(ask({ authorization: value }))).toBe('401 bearer-invalid credentials')
    }
    expect((await ask({ authorization: `bEARER ${token}` })).status).toBe(200)
    const doubled = [
      ['authorization', `Bearer ${token}`],
      ['authorization', 'Bearer x'],
    ] as unknown as Record<string, string>
    expect(await outcome(ask(doubled))).toBe('401 bearer-invalid credentials')
  })

  it('a field that authenticates callers here reaches no handler unless their signature covers it', async () => {
    const first = await served()
    await first.send(await first.mint(), 'Bearer', { dpop: 'x', accept: 'text/plain' })
    expect([...(first.seen[0]?.headers.keys() ?? [])]).toEqual(['accept'])
    const orders = await first.domain.workload('orders')
    open.push(orders)
    const headers = { authorization: 'Bearer of-a-user' }
    expect((await orders.fetch(`${API}/entries`, { headers })).status).toBe(200)
    expect(first.seen[1]?.headers.get('authorization')).toBe('Bearer of-a-user')
  })

  it('an access token of an issuer that is not accepted is refused', async () => {
    const { send, mint, outcome, lastCode } = await served()
    for (const iss of ['https://evil.test', `${ISSUER}/`, 7, undefined]) {
      expect(await outcome(send(await mint({ iss })))).toBe('401 bearer-invalid iss')
    }
    expect(lastCode()).toBe('bearer-invalid')
  })

  it('is judged by the rules of the issuer that it names, whatever its place in the list', async () => {
    const other = await generateKey({ alg: 'Ed25519', kid: 'other' })
    const partner = {
      issuer: 'https://partner.test',
      audience: 'ledger',
      type: 'JWT' as const,
      keys: { keys: [publicJwk(other)] },
    }
    const { send, mint, outcome, key } = await served({ issuers: [{}, partner] })
    const theirs = { iss: partner.issuer, aud: 'ledger' }
    expect(await outcome(send(await mint(theirs, { typ: 'JWT' }, other)))).toBe('200')
    expect(await outcome(send(await mint()))).toBe('200')
    expect(await outcome(send(await mint({ ...theirs, aud: API }, { typ: 'JWT' }, other)))).toBe(
      '401 bearer-invalid aud',
    )
    // A key of one issuer makes no tokens of another.
    expect(await outcome(send(await mint({}, { alg: 'Ed25519', typ: 'at+jwt' }, other)))).toBe('401 bearer-invalid kid')
    expect(await outcome(send(await mint(theirs, {}, key)))).toBe('401 bearer-invalid kid')
    expect(await outcome(send(await mint({ iss: 'https://third.test' })))).toBe('401 bearer-invalid iss')
  })

  it('says once for all that is wrong with a token that it does not hold', async () => {
    const { send, mint, outcome, now } = await served()
    const forged = await generateKey({ alg: 'ES256', kid: 'issuer-1' })
    const bad: [string, Promise<string>][] = [
      ['exp', mint({ exp: undefined })],
      ['exp', mint({ exp: now() - 60 })],
      ['nbf', mint({ nbf: now() + 60 })],
      ['aud', mint({ aud: 'https://other.test' })],
      ['typ', mint({}, { typ: 'JWT' })],
      ['signature', mint({}, {}, forged)],
      ['cnf', mint({ cnf: { 'x5t#S512': 'a' } })],
      ['cnf', mint({ cnf: {} })],
      ['segments', Promise.resolve('no.token')],
    ]
    const bodies = new Set<string>()
    for (const [step, token] of bad) {
      const answer = send(await token)
      expect(await outcome(answer)).toBe(`401 bearer-invalid ${step}`)
      const { headers } = await answer
      bodies.add((await (await answer).text()).replace(/urn:uuid:[\w-]+/, ''))
      expect(headers.get('www-authenticate')).toBe(
        'Bearer error="invalid_token", DPoP error="invalid_token", algs="ES256 EdDSA Ed25519"',
      )
    }
    expect(bodies.size).toBe(1)
  })

  it('with a secret that is shared holds by that secret alone', async () => {
    const { createHmac } = await import('node:crypto')
    const old = { issuer: 'old', keys: undefined, dangerouslySharedSecret: SECRET, type: 'JWT' as const }
    const { send, outcome, now, domain } = await served({ issuers: [{}, old] })
    const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const input = `${part({ alg: 'HS256' })}.${part({ iss: 'old', aud: API, sub: 'u', exp: now() + 60 })}`
    const by = (secret: string) => `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`
    expect(await outcome(send(by(SECRET)))).toBe('200')
    const told = domain.sink.events.filter(({ type }) => type === 'dangerous.used')
    expect(told.map(({ name }) => name)).toEqual(['bearerToken.dangerouslySharedSecret'])
    expect(await outcome(send(by(`${SECRET}!`)))).toBe('401 bearer-invalid signature')
  })

  it('an access token by a key that is no point of its curve is refused', async () => {
    const key = await generateKey({ alg: 'ES256', kid: 'issuer-1' })
    const broken = { ...publicJwk(key), y: publicJwk(key).x ?? '' }
    const { send, mint, outcome } = await served({ issuers: [{ keys: { keys: [broken] } }] })
    expect(await outcome(send(await mint()))).toBe('401 bearer-invalid key')
  })

  it('an access token that was revoked, or whose caller or key was, is refused', async () => {
    const revoked = { tokens: ['token-1'], workloads: [`${ISSUER}/user-2`, `${ISSUER}/auth0|7`], keys: ['issuer-2'] }
    const anchor = await generateKey({ alg: 'ES256' })
    const trust = trustBundle({ trust_domains: { 'acme.test': { keys: [publicJwk(anchor)] } }, revoked })
    const second = await generateKey({ alg: 'ES256', kid: 'issuer-2' })
    const keys = (first: Parameters<typeof publicJwk>[0]) => ({ keys: [publicJwk(first), publicJwk(second)] })
    const found = await served({
      workload: { trust, credentials: selfIssued({ keys: [anchor] }) },
      issuers: [{}, { issuer: 'https://second.test', keys: keys(anchor) }],
    })
    const { send, mint, outcome } = found
    expect(await outcome(send(await mint({ jti: 'token-2' })))).toBe('200')
    expect(await outcome(send(await mint()))).toBe('401 bearer-invalid revoked')
    expect(await outcome(send(await mint({ jti: 'token-2', sub: 'user-2' })))).toBe('401 bearer-invalid revoked')
    expect(await outcome(send(await mint({ jti: 'token-2', sub: 'auth0|7' })))).toBe('401 bearer-invalid revoked')
    const body = { jti: 'token-2', iss: 'https://second.test' }
    expect(await outcome(send(await mint(body, {}, second)))).toBe('401 bearer-invalid revoked')
  })

  it('by a key that was revoked is refused where the token leaves out which key it is', async () => {
    const anchor = await generateKey({ alg: 'ES256' })
    const lost = await generateKey({ alg: 'ES256', kid: 'issuer-2' })
    const trust_domains = { 'acme.test': { keys: [publicJwk(anchor)] } }
    const workload = {
      trust: trustBundle({ trust_domains, revoked: { keys: ['issuer-2'] } }),
      credentials: selfIssued({ keys: [anchor] }),
    }
    const { send, mint, outcome } = await served({ workload, issuers: [{ keys: { keys: [publicJwk(lost)] } }] })
    expect(await outcome(send(await mint({}, { kid: undefined }, lost)))).toBe('401 bearer-invalid revoked')
  })
})

describe('a caller that becomes a workload', () => {
  it('an access token of a caller that was seen to prove itself as a workload is refused', async () => {
    const successors = { 'orders-client': 'spiffe://acme.test/orders' }
    const { domain, send, mint, outcome } = await served({ issuers: [{ successors }] })
    const old = await mint({ sub: 'orders-client' })
    expect(await outcome(send(old))).toBe('200')
    const [orders, other] = [await domain.workload('orders'), await domain.workload('other')]
    open.push(orders, other)
    expect((await other.fetch(`${API}/entries`)).status).toBe(200)
    expect(await outcome(send(old))).toBe('200')
    expect((await orders.fetch(`${API}/entries`)).status).toBe(200)
    expect(await outcome(send(old))).toBe('401 bearer-invalid superseded')
    expect(await outcome(send(await mint({ sub: 'orders-client', jti: 'new' })))).toBe('401 bearer-invalid superseded')
    expect(await outcome(send(await mint()))).toBe('200')
  })

  it('is named by an identifier', () => {
    const successors = { 'orders-client': 'orders' }
    const options = { issuer: ISSUER, audience: API, keys: `${ISSUER}/jwks`, successors }
    expect(refusal(() => bearerToken(options)).detail.option).toBe('bearerToken.successors.orders-client')
  })
})

describe('an access token that held before', () => {
  it('a remembered access token is refused once its time is over', async () => {
    const { send, mint, outcome, domain } = await served()
    const token = await mint()
    expect(await outcome(send(token))).toBe('200')
    domain.clock.advance(629)
    expect(await outcome(send(token))).toBe('200')
    domain.clock.advance(1)
    expect(await outcome(send(token))).toBe('401 bearer-invalid exp')
    expect(await outcome(send(token))).toBe('401 bearer-invalid exp')
  })

  it('of ten thousand other spellings none is accepted', async () => {
    const { send, mint, outcome } = await served()
    const token = await mint()
    expect(await outcome(send(token))).toBe('200')
    const characters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/=.~'
    for (let count = 0; count < 10_000; count++) {
      const at = Math.floor(Math.random() * token.length)
      const put = characters[Math.floor(Math.random() * characters.length)] ?? 'A'
      const cut = count % 3 === 0 ? 0 : 1
      const other = token.slice(0, at) + put + token.slice(at + cut)
      if (other !== token) expect((await send(other)).status, other).toBe(401)
    }
  }, 60_000)
})

describe('the keys of an issuer at a URL', () => {
  it('an access token that held under other keys of its issuer is verified anew', async () => {
    const server = await issuing()
    const { send, mint, outcome, keys, domain } = await served({ issuers: [{ keys: server.url }] })
    server.serve(keys)
    domain.clock.advance(60)
    const token = await mint()
    expect(await outcome(send(token))).toBe('200')
    const next = await generateKey({ alg: 'ES256', kid: 'issuer-2' })
    server.serve({ keys: [publicJwk(next)] })
    // Somebody asks for a key that is new: it is fetched, and what held by the other keys is looked at again.
    domain.clock.advance(60)
    expect(await outcome(send(await mint({}, {}, next)))).toBe('200')
    expect(await outcome(send(token))).toBe('401 bearer-invalid kid')
  })

  it('an access token by a key that its issuer does not publish is refused', async () => {
    const server = await issuing()
    const { send, mint, outcome, keys, domain } = await served({ issuers: [{ keys: server.url }] })
    server.serve(keys)
    domain.clock.advance(60)
    expect(await outcome(send(await mint()))).toBe('200')
    const next = await generateKey({ alg: 'ES256', kid: 'issuer-2' })
    expect(await outcome(send(await mint({}, {}, next)))).toBe('401 bearer-invalid kid')
    server.serve({ keys: [...keys.keys, publicJwk(next)] })
    domain.clock.advance(60)
    expect(await outcome(send(await mint({}, {}, next)))).toBe('200')
  })

  it('ten thousand forged tokens with random key ids lead to one fetch in a cooldown', async () => {
    const server = await issuing()
    const { send, mint, outcome, keys, domain } = await served({ issuers: [{ keys: server.url }] })
    server.serve(keys)
    domain.clock.advance(60)
    expect(await outcome(send(await mint()))).toBe('200')
    domain.clock.advance(60)
    const before = server.asked()
    const [, body, signature] = (await mint()).split('.')
    for (let count = 0; count < 10_000; count++) {
      const head = Buffer.from(JSON.stringify({ typ: 'at+jwt', alg: 'ES256', kid: `k${count}` })).toString('base64url')
      expect((await send(`${head}.${body}.${signature}`)).status).toBe(401)
    }
    expect(server.asked() - before).toBe(1)
  }, 60_000)

  it('a remembered access token is not believed by keys that have grown too old', async () => {
    const server = await issuing()
    const { send, mint, outcome, keys, domain, ledger } = await served({ issuers: [{ keys: server.url }] })
    server.serve(keys)
    domain.clock.advance(60)
    expect(await outcome(send(await mint()))).toBe('200')
    server.behave(answering(503))
    const before = server.asked()
    for (let minute = 0; minute < 59; minute++) {
      domain.clock.advance(60)
      expect(await outcome(send(await mint({ jti: `${minute}` })))).toBe('200')
    }
    expect(server.asked() - before).toBeLessThan((59 * 60) / 5)
    const held = await mint({ exp: Math.floor(domain.clock.now() / 1000) + 3600 })
    expect(await outcome(send(held))).toBe('200')
    domain.clock.advance(120)
    expect(await outcome(send(held))).toBe('503 trust-unavailable stale')
    expect(await outcome(send(await mint({ jti: 'new' })))).toBe('503 trust-unavailable stale')
    await ledger.audit.flush()
    expect(domain.sink.events.filter(({ type }) => type === 'trust.stale')).toHaveLength(1)
    // A fetch that is under way has its answer already.
    await new Promise((resolve) => setTimeout(resolve, 100))
    server.serve(keys)
    domain.clock.advance(400)
    await send(held)
    await until(() => domain.sink.events.some(({ type }) => type === 'trust.recovered'))
    expect(await outcome(send(held))).toBe('200')
  })

  it('are fetched once for all guards of a workload that use one authenticator', async () => {
    const server = await issuing()
    const key = await generateKey({ alg: 'ES256', kid: 'issuer-1' })
    server.serve({ keys: [publicJwk(key)] })
    const domain = await testDomain('acme.test')
    const ledger = await domain.workload('ledger')
    open.push(ledger)
    const login = bearerToken({ issuer: ISSUER, audience: API, keys: server.url })
    for (let count = 0; count < 10; count++) {
      domain.serve(ledger, `https://${count}.test`, () => new Response('ok'), { accept: [login] })
    }
    await until(() => server.asked() > 0)
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(server.asked()).toBe(1)
  })

  it('nobody waits for an issuer that hangs while there are keys', async () => {
    const server = await issuing()
    const { send, mint, outcome, keys, domain } = await served({ issuers: [{ keys: server.url }] })
    server.serve(keys)
    domain.clock.advance(60)
    expect(await outcome(send(await mint()))).toBe('200')
    server.behave(hanging)
    domain.clock.advance(600)
    const begun = performance.now()
    for (let count = 0; count < 100; count++) expect((await send(await mint({ jti: `${count}` }))).status).toBe(200)
    expect(performance.now() - begun).toBeLessThan(2_000)
  })

  it('without a first version calls are refused with 503, at once while the issuer is down', async () => {
    const server = await issuing()
    const { send, mint, outcome } = await served({ issuers: [{ keys: server.url }] })
    for (let count = 0; count < 20; count++) {
      expect(await outcome(send(await mint()))).toBe('503 trust-unavailable never-fetched')
    }
    expect(server.asked()).toBe(1)
  })
})

describe('the metadata of an issuer', () => {
  async function discovered(metadata: (origin: string) => unknown) {
    const server = await issuing()
    const key = await generateKey({ alg: 'ES256', kid: 'issuer-1' })
    server.behave((request, response) => {
      const isMetadata = request.url === '/.well-known/openid-configuration'
      response.end(JSON.stringify(isMetadata ? metadata(server.origin) : { keys: [publicJwk(key)] }))
    })
    const { send, outcome, ledger, domain, now } = await served({
      issuers: [{ issuer: server.origin, keys: undefined }],
    })
    const claims = { iss: server.origin, aud: API, sub: 'u', client_id: 'c', jti: 'j', iat: now(), exp: now() + 60 }
    const token = await forge({ typ: 'at+jwt', alg: 'ES256', kid: 'issuer-1' }, claims, key)
    const told = async () => {
      await ledger.audit.flush()
      return domain.sink.events.find(({ type }) => type === 'trust.rejected')
    }
    return { result: await outcome(send(token)), told }
  }

  it('says where its keys are', async () => {
    const { result } = await discovered((origin) => ({ issuer: origin, jwks_uri: `${origin}/keys` }))
    expect(result).toBe('200')
  })

  it('keys are not looked for where another issuer speaks', async () => {
    const { result, told } = await discovered((origin) => ({
      issuer: 'https://other.test',
      jwks_uri: `${origin}/keys`,
    }))
    expect(result).toBe('503 trust-unavailable never-fetched')
    expect(await told()).toBeDefined()
  })

  it('keys that an issuer has at another origin than its own are not fetched unless their URL is configured', async () => {
    for (const place of ['https://evil.test/keys', 'not a url', 7, undefined]) {
      const { result } = await discovered((origin) => ({ issuer: origin, jwks_uri: place }))
      expect(result).toBe('503 trust-unavailable never-fetched')
    }
  })
})
