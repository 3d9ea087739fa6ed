import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as jose from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bearerToken, workloadProof } from '../../src/accept.ts'
import { callOf } from '../../src/adapters/call-of.ts'
import type { Jwk } from '../../src/crypto/primitives.ts'
import { credentialFile } from '../../src/keys/credentials.ts'
import { generateKey } from '../../src/keys/jwk.ts'
import { definePolicy } from '../../src/policy/define-policy.ts'
import { testDomain } from '../../src/testing/test-domain.ts'
import { createTokenIssuer, type TokenIssuer } from '../../src/token/token-issuer.ts'

const AUDIENCE = 'https://ledger.acme.test'
const REFRESH_MS = 1_000
/** A refresh takes its time: the fetch and, on a busy machine, the turn it waits for. */
const SLACK_MS = 500

let folder: string
let server: Server
let url: string
let issuer: string
let tokens: TokenIssuer

const pause = (delayMs: number) => new Promise((resolve) => setTimeout(resolve, delayMs))

async function publish(...keys: Jwk[]): Promise<void> {
  const path = join(folder, 'issuer.json')
  await writeFile(`${path}.new`, JSON.stringify({ keys }))
  await rename(`${path}.new`, path)
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'countersign-issuer-'))
  server = createServer((request, response) => {
    const headers = Object.entries(request.headers).map(([name, value]): [string, string] => [name, String(value)])
    const answer = tokens.handler(new Request(url, { method: request.method ?? 'GET', headers }))
    response.writeHead(answer.status, Object.fromEntries(answer.headers))
    void answer.text().then((text) => response.end(text))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  url = `${issuer}/keys`
})
afterAll(async () => {
  tokens.close()
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  await rm(folder, { recursive: true })
})

/** A service that takes the tokens: the id of the caller, or the status of the refusal. */
async function service() {
  const domain = await testDomain('acme.test')
  const ledger = await domain.workload('ledger', { clock: { now: () => Date.now() } })
  const login = bearerToken({ issuer, audience: AUDIENCE, keys: url, refreshSeconds: REFRESH_MS / 1000 })
  const policy = definePolicy({
    version: 1,
    rules: [{ id: 'read', effect: 'allow', from: [`${issuer}/*`], to: ['GET /entries'], when: { scope: ['read'] } }],
  })
  const accept = [workloadProof(), login]
  domain.serve(ledger, AUDIENCE, (request) => new Response(callOf(request).peer.id), { policy, accept })
  const ask = async (token: string) => {
    const headers = { authorization: `Bearer ${token}` }
    const answer = await domain.deliver(new Request(`${AUDIENCE}/entries`, { headers }))
    return answer.status === 200 ? answer.text() : answer.status
  }
  return { ask, close: () => ledger.close() }
}

const issue = async (permissions = ['read'], audience = AUDIENCE) =>
  (await tokens.issueToken({ subject: 'export', audience, permissions })).token

describe('tokens that a service issues itself', () => {
  it('are taken by a guard that fetches the keys, change of keys after change, and by other libraries', async () => {
    let current = await generateKey({ alg: 'ES256' })
    await publish(current)
    tokens = await createTokenIssuer({ issuer, keys: credentialFile(join(folder, 'issuer.json')) })
    const { ask, close } = await service()
    expect(await ask(await issue())).toBe(`${issuer}/export`)
    expect(await ask(await issue(['write']))).toBe(403)
    expect(await ask(await issue(['read'], 'https://other.acme.test'))).toBe(401)

    // What a middleware of a foreign service does: keys by URL, then type, issuer, audience and the time.
    const keySet = jose.createRemoteJWKSet(new URL(url))
    const rules = { issuer, audience: AUDIENCE, typ: 'at+jwt', algorithms: ['ES256', 'Ed25519'], maxTokenAge: 300 }
    const required = { requiredClaims: ['exp', 'iat', 'sub', 'jti', 'client_id'] }
    const foreign = await jose.jwtVerify(await issue(), keySet, { ...rules, ...required })
    expect(foreign.payload).toMatchObject({ sub: 'export', scope: 'read' })

    const failures: unknown[] = []
    let [held, isOver] = [0, false]
    const load = async () => {
      while (!isOver) {
        const outcome = await ask(await issue())
        if (outcome === `${issuer}/export`) held++
        else failures.push(outcome)
        await pause(2)
      }
    }
    const running = Array.from({ length: 3 }, load)
    for (const alg of ['Ed25519', 'ES256'] as const) {
      const [last, next] = [current, await generateKey({ alg })]
      const old = await issue()
      await publish(last, next)
      await pause(REFRESH_MS + SLACK_MS)
      current = next
      await publish(next, last)
      await pause(SLACK_MS)
      expect(jose.decodeProtectedHeader(await issue())).toMatchObject({ kid: next.kid, alg })
      expect(await ask(old)).toBe(`${issuer}/export`)
      await publish(next)
      await pause(REFRESH_MS + SLACK_MS)
      expect(await ask(old)).toBe(401)
    }
    isOver = true
    await Promise.all(running)
    expect(failures).toEqual([])
    expect(held).toBeGreaterThan(100)
    await close()
  }, 30_000)
})
