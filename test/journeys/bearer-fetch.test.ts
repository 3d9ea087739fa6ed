import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import * as oauth from 'oauth4webapi'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type BearerSource, bearerFetch, bearerToken } from '../../src/accept.ts'
import { callOf } from '../../src/adapters/call-of.ts'
import { guard } from '../../src/adapters/express.ts'
import type { Jwk } from '../../src/crypto/primitives.ts'
import { generateKey, publicJwk } from '../../src/keys/jwk.ts'
import { allowAuthenticated } from '../../src/policy/allow-authenticated.ts'
import { testDomain } from '../../src/testing/test-domain.ts'
import { createTokenIssuer } from '../../src/token/token-issuer.ts'
import { type OpenIdProvider, openIdProvider } from './openid-provider.ts'

const AUDIENCE = 'https://api.acme.test'
const insecure = { [oauth.allowInsecureRequests]: true }

let provider: OpenIdProvider
const open: (() => Promise<unknown>)[] = []

beforeAll(async () => {
  provider = await openIdProvider(AUDIENCE, 'entries:read')
})
afterAll(async () => {
  for (const close of open) await close()
  await provider.close()
})

const bodyOf = async (request: IncomingMessage) => {
  let text = ''
  for await (const chunk of request) text += String(chunk)
  return text
}

/** A service that takes only tokens that are bound to a key, with nonces; how many requests came, and who they were from. */
async function boundService(issuer: string, keys?: { keys: readonly Jwk[] }) {
  const app = express()
  const server = createServer(app)
  let requests = 0
  server.on('request', () => requests++)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const domain = await testDomain('acme.test')
  const ledger = await domain.workload('ledger', { audiences: [url], clock: { now: () => Date.now() } })
  const login = bearerToken({ issuer, audience: AUDIENCE, keys, dpop: { nonces: true, required: true } })
  app.use(guard(ledger, { policy: allowAuthenticated(`${issuer}/*`), accept: [login] }))
  app.use((request, response) => {
    void bodyOf(request).then((body) => response.json({ peer: callOf(request).peer.id, body }))
  })
  open.push(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    await ledger.close()
  })
  return { url, requests: () => requests }
}

/** Gets tokens bound to a key from the provider, as a client does. */
async function fromProvider(alg: 'ES256' | 'Ed25519'): Promise<{ source: BearerSource; asked: () => number }> {
  const dpopKey = await generateKey({ alg })
  const { kid: _, alg: __, ...plain } = dpopKey
  const algorithm = alg === 'ES256' ? { name: 'ECDSA', namedCurve: 'P-256' } : { name: 'Ed25519' }
  const { d: ___, ...half } = plain
  const pair = {
    privateKey: await crypto.subtle.importKey('jwk', plain as JsonWebKey, algorithm, false, ['sign']),
    publicKey: await crypto.subtle.importKey('jwk', half as JsonWebKey, algorithm, true, ['verify']),
  }
  const issuer = new URL(provider.issuer)
  const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, insecure))
  const auth = oauth.ClientSecretBasic(provider.client.client_secret)
  const parameters = new URLSearchParams({ scope: 'entries:read', resource: AUDIENCE })
  let asked = 0
  const source = async () => {
    asked++
    const options = { ...insecure, DPoP: oauth.DPoP(provider.client as oauth.Client, pair) }
    const response = await oauth.clientCredentialsGrantRequest(as, provider.client, auth, parameters, options)
    const granted = await oauth.processClientCredentialsResponse(as, provider.client, response)
    return { token: granted.access_token, expiresAt: Date.now() + (granted.expires_in ?? 60) * 1000, dpopKey }
  }
  return { source, asked: () => asked }
}

describe('bearerFetch', () => {
  it('calls a service that demands nonces, with tokens of a real provider', async () => {
    const { url, requests } = await boundService(provider.issuer)
    let expected = 0
    for (const alg of ['ES256', 'Ed25519'] as const) {
      const { source, asked } = await fromProvider(alg)
      const call = bearerFetch(source)
      const first = await call(`${url}/entries?month=11`, { method: 'POST', body: 'a new entry' })
      expect(await first.json()).toEqual({ peer: `${provider.issuer}/reports`, body: 'a new entry' })
      expect((await call(`${url}/entries`)).status).toBe(200)
      expect(asked()).toBe(1)
      // The first call went twice, for the nonce; the second knew it.
      expected += 3
      expect(requests()).toBe(expected)
    }
  })

  it('calls many at a time with tokens of our own, and renews those that are refused', async () => {
    const issuer = 'https://tokens.acme.test'
    const [key, dpopKey] = [await generateKey({ alg: 'ES256' }), await generateKey({ alg: 'Ed25519' })]
    using tokens = await createTokenIssuer({ issuer, keys: { keys: [key] } })
    const { url, requests } = await boundService(issuer, tokens.jwks())
    let asked = 0
    const call = bearerFetch(async () => {
      asked++
      const subject = `export-${asked}`
      const confirmation = publicJwk(dpopKey)
      const { token } = await tokens.issueToken({
        subject,
        audience: asked === 1 ? 'elsewhere' : AUDIENCE,
        confirmation,
      })
      return { token, dpopKey }
    })
    const answers = await Promise.all(Array.from({ length: 20 }, () => call(`${url}/entries`)))
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200))
    expect(await answers[0]?.json()).toEqual({ peer: `${issuer}/export-2`, body: '' })
    expect(asked).toBe(2)
    expect(requests()).toBeLessThanOrEqual(60)
  })

  it('sends the token to nobody but the one who was called', async () => {
    const seen: string[] = []
    const server = createServer((request, response) => {
      seen.push(`${request.headers.host} ${request.url} ${request.headers.authorization}`)
      const location = `http://localhost:${port}/elsewhere`
      response.writeHead(request.url === '/refused' && seen.length % 2 === 1 ? 401 : 307, {
        location,
        'www-authenticate': 'Bearer error="invalid_token"',
      })
      response.end()
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const url = `http://127.0.0.1:${port}`
    let count = 0
    const call = bearerFetch(() => ({ token: `token-${++count}` }))
    expect((await call(`${url}/entries`)).status).toBe(307)
    expect((await call(new Request(`${url}/entries`))).status).toBe(307)
    expect((await call(new Request(`${url}/refused`))).status).toBe(307)
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    const host = `127.0.0.1:${port}`
    expect(seen).toEqual([
      `${host} /entries Bearer token-1`,
      `${host} /entries Bearer token-1`,
      `${host} /refused Bearer token-1`,
      `${host} /refused Bearer token-2`,
    ])
  })
})
