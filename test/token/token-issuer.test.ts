import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as jose from 'jose'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Jwk } from '../../src/crypto/primitives.ts'
import { credentialFile, issued } from '../../src/keys/credentials.ts'
import { generateKey, publicJwk, thumbprint } from '../../src/keys/jwk.ts'
import { gateToken } from '../../src/token/gate.ts'
import { createTokenIssuer, type TokenIssuer } from '../../src/token/token-issuer.ts'
import type { IssueTokenOptions, TokenIssuerOptions } from '../../src/token/token-issuer-options.ts'
import { until } from '../trust/key-server.ts'
import { clockAt, failureOf, NOW } from './fixtures.ts'

const ISSUER = 'https://api.acme.test'
const AUDIENCE = 'https://ledger.acme.test'

let key: Jwk
let next: Jwk
beforeAll(async () => {
  key = await generateKey({ alg: 'ES256', kid: 'issuer-1' })
  next = await generateKey({ alg: 'Ed25519', kid: 'issuer-2' })
})

const issuers: TokenIssuer[] = []
afterEach(() => {
  for (const one of issuers.splice(0)) one.close()
})

async function issuerOf(more: Partial<TokenIssuerOptions> = {}): Promise<TokenIssuer> {
  const made = await createTokenIssuer({ issuer: ISSUER, keys: { keys: [key, next] }, clock: clockAt(), ...more })
  issuers.push(made)
  return made
}

async function issue(more: Partial<IssueTokenOptions> = {}) {
  const tokens = await issuerOf()
  return tokens.issueToken({ subject: 'export', audience: AUDIENCE, ...more })
}

const refusedFor = (option: string) => ({ code: 'option-invalid', detail: { option } })

describe('issueToken', () => {
  it('says what RFC 9068 demands', async () => {
    const { token, tokenId, expiresAt } = await issue()
    const { header, claims } = gateToken(token)
    expect(header).toEqual({ alg: 'ES256', kid: 'issuer-1', typ: 'at+jwt' })
    expect(claims).toEqual({
      iss: ISSUER,
      sub: 'export',
      aud: AUDIENCE,
      client_id: 'export',
      iat: NOW,
      exp: NOW + 300,
      jti: tokenId,
    })
    expect(expiresAt).toBe((NOW + 300) * 1000)
    expect(tokenId).toHaveLength(22)
    expect((await issue()).tokenId).not.toBe(tokenId)
  })

  it('says what it is told besides', async () => {
    const holder = await generateKey({ alg: 'Ed25519' })
    const { token } = await issue({
      audience: [AUDIENCE, 'reports'],
      permissions: ['entries:read', 'entries:write'],
      lifetimeSeconds: 60,
      clientId: 'console',
      claims: { tenant: 'acme', groups: ['billing'] },
      confirmation: publicJwk(holder),
    })
    expect(gateToken(token).claims).toMatchObject({
      aud: [AUDIENCE, 'reports'],
      scope: 'entries:read entries:write',
      client_id: 'console',
      exp: NOW + 60,
      tenant: 'acme',
      groups: ['billing'],
      cnf: { jkt: await thumbprint(holder) },
    })
  })

  it('holds for another library, by the keys that are published', async () => {
    const tokens = await issuerOf({ keys: { keys: [next, key] } })
    const keySet = jose.createLocalJWKSet(tokens.jwks() as unknown as jose.JSONWebKeySet)
    const { token } = await tokens.issueToken({ subject: 'export', audience: AUDIENCE })
    const rules = { issuer: ISSUER, audience: AUDIENCE, typ: 'at+jwt', currentDate: new Date(NOW * 1000) }
    const { payload, protectedHeader } = await jose.jwtVerify(token, keySet, {
      ...rules,
      algorithms: ['Ed25519'],
      requiredClaims: ['exp', 'iat', 'jti', 'sub', 'client_id'],
    })
    expect([payload.sub, protectedHeader.kid]).toEqual(['export', 'issuer-2'])
    await expect(jose.jwtVerify(token, keySet, { ...rules, audience: 'reports' })).rejects.toThrow()
  })

  it('refuses a life of more than a day', async () => {
    await expect(issue({ lifetimeSeconds: 86_400 })).resolves.toMatchObject({ expiresAt: (NOW + 86_400) * 1000 })
    for (const lifetimeSeconds of [86_401, 0, -1, 1.5])
      await expect(issue({ lifetimeSeconds })).rejects.toMatchObject(refusedFor('lifetimeSeconds'))
  })

  it('an access token with a claim of its own in place of one of the issuer is not issued', async () => {
    for (const name of ['iss', 'sub', 'aud', 'exp', 'nbf', 'iat', 'jti', 'client_id', 'scope', 'cnf'])
      await expect(issue({ claims: { [name]: 'mine' } })).rejects.toMatchObject(refusedFor(`issueToken.claims.${name}`))
  })

  it('an access token is not issued for no audience', async () => {
    for (const audience of ['', [], ['']])
      await expect(issue({ audience })).rejects.toMatchObject({ code: 'option-invalid' })
  })

  it('an access token is not issued with a permission that would be read as two or none', async () => {
    for (const one of ['', 'read write', ' ', 'a"b', 'a\\b', 'a\nb', 'é'])
      await expect(issue({ permissions: [one] })).rejects.toMatchObject(refusedFor('issueToken.permissions.0'))
    await expect(issue({ permissions: Array.from({ length: 257 }, (_, i) => `p${i}`) })).rejects.toMatchObject(
      refusedFor('issueToken.permissions'),
    )
  })

  it('refuses a subject that services could not write down', async () => {
    for (const subject of ['', 'two words', 'é', 'x'.repeat(257)])
      await expect(issue({ subject })).rejects.toMatchObject(refusedFor('issueToken.subject'))
  })

  it('an access token is not bound to a key that can make no proof', async () => {
    const keys = [await generateKey({ alg: 'X25519' }), await generateKey({ alg: 'A256KW' }), { kty: 'RSA', n: 'x' }]
    for (const confirmation of keys)
      await expect(issue({ confirmation })).rejects.toMatchObject({ code: 'key-invalid' })
  })

  it('an access token that is too large to be taken by anybody is not issued', async () => {
    const deep = Array.from({ length: 20 }).reduce<unknown>((inner) => ({ inner }), {})
    for (const claims of [{ note: 'x'.repeat(8_192) }, { deep }])
      await expect(issue({ claims })).rejects.toMatchObject(refusedFor('issueToken.claims'))
  })
})

describe('createTokenIssuer', () => {
  it('refuses the name of a workload or of an API key', async () => {
    for (const issuer of ['spiffe://acme.test', 'wimse://acme.test', 'API-KEY:acme', ''])
      await expect(issuerOf({ issuer })).rejects.toMatchObject(refusedFor('createTokenIssuer.issuer'))
  })

  it('an issuer with a key without a name is refused', async () => {
    const { kid: _, ...nameless } = next
    for (const keys of [[nameless], [key, nameless]])
      await expect(issuerOf({ keys: { keys } })).rejects.toMatchObject({ code: 'credentials-invalid' })
  })

  it('refuses public keys, no keys, and keys for algorithms that it has not', async () => {
    const rsa = { kty: 'RSA', kid: 'rsa', n: 'x', e: 'AQAB', d: 'x' }
    for (const keys of [[], [publicJwk(key)], [key, publicJwk(next)], [rsa], [key, key]])
      await expect(issuerOf({ keys: { keys } })).rejects.toMatchObject({ code: 'credentials-invalid' })
    await expect(issuerOf({ keys: undefined as never })).rejects.toMatchObject(refusedFor('createTokenIssuer.keys'))
  })

  it('an issuer with a key that is meant for encryption is refused', async () => {
    // One on P-256 could sign as well.
    for (const alg of ['P-256', 'X25519'] as const) {
      const sealing = await generateKey({ alg })
      await expect(issuerOf({ keys: { keys: [key, sealing] } })).rejects.toMatchObject({
        code: 'credentials-invalid',
        detail: { option: 'keys.1' },
      })
    }
  })

  it('an issuer whose keys come with the token of a workload is refused', async () => {
    await expect(issuerOf({ keys: issued({ key, token: 'a.b.c' }) })).rejects.toMatchObject({
      code: 'credentials-invalid',
      detail: { option: 'token' },
    })
  })

  it('an issuer with a key whose halves do not belong together is refused', async () => {
    const other = await generateKey({ alg: 'ES256' })
    const error = (await failureOf(() => issuerOf({ keys: { keys: [next, { ...key, d: other.d ?? '' }] } }))) as Error
    expect(error).toMatchObject({ code: 'credentials-invalid', detail: { option: 'keys.1' } })
    expect(error.message).not.toContain(other.d)
  })

  it('an issuer whose keys cannot be loaded does not start', async () => {
    let isWatched = false
    const keys = {
      load: () => Promise.reject(new Error('the vault is sealed')),
      watch() {
        isWatched = true
        return {
          close() {
            isWatched = false
          },
        }
      },
    }
    await expect(issuerOf({ keys })).rejects.toMatchObject({ code: 'credentials-invalid' })
    expect(isWatched).toBe(false)
  })

  it('publishes what others need and nothing else', async () => {
    const { alg: _, ...plain } = await generateKey({ alg: 'Ed25519', kid: 'issuer-3' })
    const tokens = await issuerOf({ keys: { keys: [{ ...key, note: 'ours' }, plain] } })
    const { x, y } = key
    expect(tokens.jwks()).toEqual({
      keys: [
        { kty: 'EC', crv: 'P-256', x, y, kid: 'issuer-1', alg: 'ES256', use: 'sig' },
        { kty: 'OKP', crv: 'Ed25519', x: plain.x, kid: 'issuer-3', alg: 'EdDSA', use: 'sig' },
      ],
    })
  })
})

describe('handler', () => {
  const ask = async (headers: Record<string, string> = {}, method = 'GET') =>
    (await issuerOf()).handler(new Request(`${ISSUER}/keys`, { method, headers }))

  it('serves the keys, for so long', async () => {
    const answer = await ask()
    expect([answer.status, ...['content-type', 'cache-control'].map((name) => answer.headers.get(name))]).toEqual([
      200,
      'application/jwk-set+json',
      'public, max-age=300',
    ])
    expect(await answer.json()).toEqual((await issuerOf()).jwks())
  })

  it('serves them once to who keeps them', async () => {
    const etag = (await ask()).headers.get('etag') ?? ''
    for (const field of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      const answer = await ask({ 'if-none-match': field })
      expect([answer.status, await answer.text(), answer.headers.get('etag')]).toEqual([304, '', etag])
      expect(answer.headers.get('cache-control')).toBe('public, max-age=300')
    }
    expect((await ask({ 'if-none-match': '"other"' })).status).toBe(200)
    const others = await issuerOf({ keys: { keys: [next] } })
    expect(others.handler(new Request(ISSUER)).headers.get('etag')).not.toBe(etag)
  })

  it('answers HEAD without a body, and nothing but GET and HEAD', async () => {
    const head = await ask({}, 'HEAD')
    expect([head.status, await head.text(), head.headers.get('content-type')]).toEqual([
      200,
      '',
      'application/jwk-set+json',
    ])
    const post = await ask({}, 'POST')
    expect([post.status, post.headers.get('allow')]).toEqual([405, 'GET, HEAD'])
  })
})

describe('keys in a file', () => {
  it('are followed: the first signs, all are published', async () => {
    const { tokens, write, done } = await fromFile([key])
    expect(tokens.jwks().keys.map(({ kid }) => kid)).toEqual(['issuer-1'])
    await write(JSON.stringify({ keys: [next, key] }))
    await until(() => tokens.jwks().keys.length === 2)
    const { token } = await tokens.issueToken({ subject: 'export', audience: AUDIENCE })
    expect(gateToken(token).header).toMatchObject({ kid: 'issuer-2', alg: 'Ed25519' })
    await done()
  })

  it('new keys of an issuer that cannot be used leave those before in place', async () => {
    const { tokens, write, done } = await fromFile([key])
    for (const text of ['{', JSON.stringify({ keys: [publicJwk(next)] })]) {
      await write(text)
      await until(() => !tokens.health().ok)
      expect(tokens.health()).toEqual({ ok: false, problems: ['credentials-invalid'] })
      const { token } = await tokens.issueToken({ subject: 'export', audience: AUDIENCE })
      expect(gateToken(token).header).toMatchObject({ kid: 'issuer-1' })
      await write(JSON.stringify({ keys: [key] }))
      await until(() => tokens.health().ok)
    }
    await done()
  })

  it('are followed no longer than the issuer is open', async () => {
    const { tokens, write, done } = await fromFile([key])
    tokens.close()
    await write(JSON.stringify({ keys: [next] }))
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(tokens.jwks().keys.map(({ kid }) => kid)).toEqual(['issuer-1'])
    await done()
  })
})

async function fromFile(keys: readonly Jwk[]) {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-issuer-'))
  const path = join(folder, 'issuer.json')
  await writeFile(path, JSON.stringify({ keys }))
  const tokens = await issuerOf({ keys: credentialFile(path) })
  const write = async (text: string) => {
    await writeFile(`${path}.new`, text)
    await rename(`${path}.new`, path)
  }
  const done = async () => {
    tokens.close()
    await rm(folder, { recursive: true })
  }
  return { tokens, write, done }
}
