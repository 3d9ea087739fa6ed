import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import * as dpop from 'dpop'
import express from 'express'
import * as oauth from 'oauth4webapi'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bearerToken, workloadProof } from '../../src/accept.ts'
import { callOf } from '../../src/adapters/call-of.ts'
import { guard } from '../../src/adapters/express.ts'
import { definePolicy } from '../../src/policy/define-policy.ts'
import { testDomain } from '../../src/testing/test-domain.ts'
import { type OpenIdProvider, openIdProvider } from './openid-provider.ts'

const AUDIENCE = 'https://api.acme.test'
const insecure = { [oauth.allowInsecureRequests]: true }

let provider: OpenIdProvider
let origin: string
let nonced: string
const open: (() => Promise<unknown>)[] = []

async function serve(dpopOptions: { nonces?: boolean; required?: boolean }): Promise<string> {
  const app = express()
  const server = createServer(app)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const domain = await testDomain('acme.test')
  const ledger = await domain.workload('ledger', { audiences: [url], clock: { now: () => Date.now() } })
  const login = bearerToken({ issuer: provider.issuer, audience: AUDIENCE, dpop: dpopOptions })
  const policy = definePolicy({
    version: 1,
    rules: [
      {
        id: 'reports-read',
        effect: 'allow',
        from: [`${provider.issuer}/*`],
        to: ['GET /entries', 'POST /entries'],
        when: { authenticatedBy: ['bearer'], scope: ['entries:read'] },
      },
    ],
  })
  app.use(guard(ledger, { policy, accept: [workloadProof(), login] }))
  app.use((request, response) => {
    response.json({ peer: callOf(request).peer.id, headers: request.headers })
  })
  open.push(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    await ledger.close()
  })
  return url
}

beforeAll(async () => {
  provider = await openIdProvider(AUDIENCE, 'entries:read entries:write')
  origin = await serve({})
  nonced = await serve({ nonces: true, required: true })
})
afterAll(async () => {
  for (const close of open) await close()
  await provider.close()
})

/** Gets a token as a client does. */
async function grant(scope: string, DPoP?: oauth.DPoPHandle) {
  const issuer = new URL(provider.issuer)
  const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, insecure))
  const auth = oauth.ClientSecretBasic(provider.client.client_secret)
  const parameters = new URLSearchParams({ scope, resource: AUDIENCE })
  const options = { ...insecure, ...(DPoP === undefined ? {} : { DPoP }) }
  const response = await oauth.clientCredentialsGrantRequest(as, provider.client, auth, parameters, options)
  return (await oauth.processClientCredentialsResponse(as, provider.client, response)).access_token
}

describe('access tokens of a real OpenID provider', () => {
  it('open what their scope permits', async () => {
    const headers = { authorization: `Bearer ${await grant('entries:read')}` }
    const answer = await fetch(`${origin}/entries?month=11`, { headers })
    expect(answer.status).toBe(200)
    const seen = (await answer.json()) as { peer: string; headers: Record<string, string> }
    expect(seen.peer).toBe(`${provider.issuer}/reports`)
    expect(seen.headers).not.toHaveProperty('authorization')
  })

  it('open nothing else', async () => {
    const headers = { authorization: `Bearer ${await grant('entries:write')}` }
    const answer = await fetch(`${origin}/entries`, { headers })
    expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([
      403,
      'Bearer error="insufficient_scope", DPoP error="insufficient_scope", algs="ES256 EdDSA Ed25519"',
    ])
  })

  it('that are bound to a key are taken with the proofs of other libraries, once, and not as bearer tokens', async () => {
    const keys = await dpop.generateKeyPair('ES256')
    const token = await grant('entries:read', oauth.DPoP(provider.client as oauth.Client, keys))
    const url = `${origin}/entries`
    const proof = await dpop.generateProof(keys, url, 'GET', undefined, token)
    const headers = { authorization: `DPoP ${token}`, dpop: proof }
    expect((await fetch(`${url}?page=2`, { headers })).status).toBe(200)
    expect((await fetch(url, { headers })).status).toBe(401)
    expect((await fetch(url, { headers: { authorization: `Bearer ${token}` } })).status).toBe(401)
  })

  it('are asked for a nonce by a challenge that another library understands', async () => {
    for (const alg of ['ES256', 'Ed25519'] as const) {
      const keys = await dpop.generateKeyPair(alg)
      const DPoP = oauth.DPoP(provider.client as oauth.Client, keys)
      const token = await grant('entries:read', DPoP)
      const ask = () =>
        oauth.protectedResourceRequest(token, 'POST', new URL(`${nonced}/entries`), undefined, undefined, {
          ...insecure,
          DPoP,
        })
      const refused = await ask().catch((error: unknown) => error)
      expect(oauth.isDPoPNonceError(refused)).toBe(true)
      expect((await ask()).status).toBe(200)
      expect((await ask()).status).toBe(200)
    }
  })
})
