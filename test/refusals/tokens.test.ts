import { CompactSign, importJWK, type JWTPayload } from 'jose'
import { beforeAll, describe, expect, it } from 'vitest'
import { toBase64url } from '../../src/core/base64url.ts'
import { utf8 } from '../../src/core/bytes.ts'
import type { Code } from '../../src/core/codes.ts'
import { primitives } from '../../src/crypto/node.ts'
import type { Jwk } from '../../src/crypto/primitives.ts'
import { suiteOfKey } from '../../src/crypto/suites.ts'
import { call } from '../../src/flow/call.ts'
import type { Engine } from '../../src/flow/engine.ts'
import { engineOf } from '../../src/flow/workload.ts'
import { generateKey, publicJwk } from '../../src/keys/jwk.ts'
import { createWire, fieldAt, LEDGER, type OnTheWire, type Outcome, type Wire, withField } from './wire.ts'

/** A caller that signs with whatever key and token it is given: what an attacker can build from our own code. */
async function signedWith(wire: Wire, token: string, key: Jwk): Promise<OnTheWire> {
  const inner = engineOf(wire.orders)
  const suite = suiteOfKey(key)
  const signingKey = await primitives.signingKey(suite, key)
  const credential = { token, keyId: 'x', expiresAt: Number.POSITIVE_INFINITY, signingKey, suite }
  const taken: OnTheWire[] = []
  const engine: Engine = {
    ...inner,
    credentials: { current: () => credential, sealKeys: () => [], health: () => [], close: () => undefined },
    async transport(url, init) {
      const { pathname, search } = new URL(url)
      const raw = [...new Headers(init.headers)].flat()
      taken.push({ method: init.method ?? '', target: pathname + search, raw, body: new Uint8Array(0) })
      throw new TypeError('kept')
    },
  }
  const wanted = { input: `${LEDGER}/v1`, init: { countersign: { seal: 'never' as const } }, defaults: {} }
  const made = async () => call(engine, { peerAt: () => wire.ledger.id, baseUrl: undefined, basePath: '' }, wanted)
  await made().catch(() => undefined)
  const [message] = taken
  if (message === undefined) throw new Error('nothing was sent')
  return message
}

describe('a token that does not hold is refused, whatever signature comes with it', () => {
  let wire: Wire
  let anchor: Jwk
  let proof: Jwk
  let claims: JWTPayload

  beforeAll(async () => {
    wire = await createWire()
    const { keys } = await wire.domain.credentials()
    anchor = keys[0] as Jwk
    proof = await generateKey({ alg: 'ES256' })
    const now = Math.floor(wire.domain.clock.now() / 1000)
    const cnf = { jwk: { ...publicJwk(proof), alg: 'ES256' } }
    claims = { sub: 'spiffe://acme.test/orders', iat: now, exp: now + 600, jti: 'j-1', cnf }
  })

  const header = () => ({ alg: 'ES256', typ: 'wit+jwt', kid: anchor.kid as string })

  async function mint(
    more: Partial<JWTPayload> = {},
    head: Record<string, unknown> = {},
    key: Jwk = anchor,
  ): Promise<string> {
    const payload = utf8(JSON.stringify({ ...claims, ...more }))
    const imported = await importJWK({ ...key, alg: 'ES256' } as never, 'ES256')
    return new CompactSign(payload).setProtectedHeader({ ...header(), ...head } as never).sign(imported)
  }

  async function deliver(token: string, key: Jwk = proof): Promise<Outcome> {
    return wire.deliver(await signedWith(wire, token, key))
  }

  function refused(outcome: Outcome, ...codes: Code[]): void {
    expect(outcome).toMatchObject({ ran: false, status: 400, events: 1, bodyWasRead: false })
    expect(codes).toContain(outcome.code)
  }

  it('is admitted when everything is right', async () => {
    expect(await deliver(await mint())).toMatchObject({ ran: true, status: 200 })
  })

  it('algorithm confusion: none, HMAC under a public key, another name, a foreign header', async () => {
    const [, body] = (await mint()).split('.')
    const unsigned = `${toBase64url(utf8(JSON.stringify({ ...header(), alg: 'none' })))}.${body}.`
    refused(await deliver(unsigned), 'token-malformed', 'token-invalid')
    const head = toBase64url(utf8(JSON.stringify({ ...header(), alg: 'HS256' })))
    const mac = await primitives.mac(
      await primitives.macKey(utf8(JSON.stringify(publicJwk(anchor)))),
      utf8(`${head}.${body}`),
    )
    refused(await deliver(`${head}.${body}.${toBase64url(mac)}`), 'token-invalid')
    for (const alg of ['EdDSA', 'ES384', 'es256', 'RS256', 'NONE']) {
      const named = toBase64url(utf8(JSON.stringify({ ...header(), alg })))
      refused(await deliver(`${named}.${body}.${(await mint()).split('.')[2]}`), 'token-invalid')
    }
    for (const more of [{ jwk: publicJwk(anchor) }, { jku: 'https://evil.test' }, { x5u: 'https://evil.test' }]) {
      refused(await deliver(await mint({}, more)), 'token-invalid', 'token-malformed')
    }
    refused(await deliver(await mint({}, { typ: 'JWT' })), 'token-invalid')
    refused(await deliver(await mint({}, { typ: 'at+jwt' })), 'token-invalid')
  })

  it('key confusion: a stranger’s anchor, an unknown kid, a proof key that is not the token’s', async () => {
    const stranger = { ...(await generateKey({ alg: 'ES256' })), kid: anchor.kid as string }
    refused(await deliver(await mint({}, {}, stranger)), 'token-invalid', 'token-untrusted')
    refused(await deliver(await mint({}, { kid: 'other' })), 'token-untrusted')
    refused(await deliver(await mint({}, { kid: undefined })), 'token-untrusted', 'token-invalid')
    refused(await deliver(await mint(), await generateKey({ alg: 'ES256' })), 'proof-invalid')
    refused(await deliver(await mint(), await generateKey({ alg: 'Ed25519' })), 'proof-invalid')
    refused(
      await deliver(await mint({ cnf: { jwk: { ...publicJwk(anchor), alg: 'ES256' } } }), anchor),
      'token-invalid',
    )
  })

  it('claims: another domain, no subject, no end, a private, symmetric or unnamed key', async () => {
    refused(await deliver(await mint({ sub: 'spiffe://evil.test/orders' })), 'token-untrusted')
    refused(await deliver(await mint({ sub: 'wimse://acme.test/orders' })), 'token-untrusted')
    for (const sub of [
      'orders',
      'spiffe://acme.test/a/../orders',
      'spiffe://acme.test:443/orders',
      'spiffe://ACME.test/orders',
    ]) {
      refused(await deliver(await mint({ sub })), 'token-invalid')
    }
    refused(await deliver(await mint({ aud: 'spiffe://acme.test/ledger' })), 'token-invalid')
    const now = Number(claims.iat)
    refused(await deliver(await mint({ exp: now - 31 })), 'token-expired')
    refused(await deliver(await mint({ nbf: now + 31 })), 'token-expired', 'token-invalid')
    refused(await deliver(await mint({ exp: now + 200_000 })), 'token-invalid')
    const jwk = publicJwk(proof)
    for (const cnf of [
      undefined,
      {},
      { jwk: { ...jwk, alg: undefined } },
      { jwk: { ...proof, alg: 'ES256' } },
      { jwk: { ...jwk, alg: 'EdDSA' } },
      { jwk: { kty: 'oct', k: 'AAAA', alg: 'HS256' } },
    ]) {
      refused(await deliver(await mint({ cnf } as never)), 'token-invalid')
    }
  })

  it('lax spellings of a token that holds', async () => {
    const token = await mint({ jti: 'j-2' })
    const [a, b, c] = token.split('.') as [string, string, string]
    expect(await deliver(token)).toMatchObject({ ran: true })
    const stray = (text: string) => {
      const last = text.slice(-1)
      const next = String.fromCharCode(last.charCodeAt(0) + 1)
      return text.slice(0, -1) + (/[A-Za-z0-9]/.test(next) ? next : 'B')
    }
    const spellings = [
      `${token}=`,
      `${a}=.${b}.${c}`,
      `${a}. ${b}.${c}`,
      `${token}, ${token}`,
      `${a}.${b}.${stray(c)}`,
      `"${token}"`,
      `${token}.`,
      `Bearer ${token}`,
    ]
    for (const spelling of spellings) refused(await deliver(spelling), 'token-malformed', 'token-invalid')
  })

  it('a signature in another form than 64 bytes', async () => {
    const message = await signedWith(wire, await mint({ jti: 'j-3' }), proof)
    const value = fieldAt(message, 'signature')
    const cases = [
      'wimse=::',
      'wimse=:AA==:',
      value.replace(/:$/, 'AA:'),
      value.replace('=:', '=?1;x=:'),
      value.toUpperCase(),
    ]
    for (const changed of cases)
      refused(await wire.deliver(withField(message, 'signature', changed)), 'signature-malformed', 'proof-invalid')
  })
})
