import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Jwk } from '../../src/crypto/primitives.ts'
import { parseWorkloadId } from '../../src/identity/workload-id.ts'
import { selfIssued } from '../../src/keys/credentials.ts'
import { generateKey, publicJwk } from '../../src/keys/jwk.ts'
import { createFakeClock } from '../../src/testing/fake-clock.ts'
import { testDomain } from '../../src/testing/test-domain.ts'
import { createTokenVerifier } from '../../src/token/verify-wit.ts'
import { parseBundle } from '../../src/trust/bundle.ts'
import { createTrustHolder, type TrustHolder } from '../../src/trust/holder.ts'
import { mergeTrust, trustBundle } from '../../src/trust/source.ts'
import { trustUrl } from '../../src/trust/trust-url.ts'
import type { TrustUrlOptions } from '../../src/trust/trust-url-options.ts'
import { refusal, refusalOf } from '../core/refusal.ts'
import { bundleEntry, makeCa } from '../support/certificate.ts'
import { domain, forge, NOW } from '../token/fixtures.ts'
import { answering, type KeyServer, keyServer, until } from './key-server.ts'

const first = await generateKey({ alg: 'ES256', kid: 'first' })
const second = await generateKey({ alg: 'Ed25519', kid: 'second' })
const orders = parseWorkloadId('spiffe://acme.test/orders')

let server: KeyServer
const open: { close(): unknown }[] = []
beforeEach(async () => {
  server = await keyServer()
})
afterEach(async () => {
  for (const one of open.splice(0)) await one.close()
  await server.close()
})

const trustAt = (more: Partial<TrustUrlOptions> = {}) => trustUrl(server.url, { trustDomain: 'acme.test', ...more })

async function hold(source = trustAt(), clock = createFakeClock(NOW * 1000)) {
  const told: string[] = []
  const holder: TrustHolder = await createTrustHolder(source, { clock, report: (type) => void told.push(type) })
  open.push(holder)
  return { holder, clock, told }
}

const keysOf = (holder: TrustHolder) =>
  holder
    .current()
    .anchorsFor(orders)
    ?.map(({ keyId }) => keyId)
const fixOf = async (document: unknown) => {
  server.serve(document)
  const { code, detail } = await refusalOf(() => trustAt().load())
  return [code, detail.step ?? detail.option]
}

describe('trust at a URL', () => {
  it('takes the keys of one trust domain from a JWK Set, and passes over what cannot vouch', async () => {
    const rsa = { kty: 'RSA', n: 'AQAB', e: 'AQAB', kid: 'rsa' }
    const seal = { ...publicJwk(await generateKey({ alg: 'X25519', kid: 'seal' })), use: 'enc' }
    const { kid: _, ...nameless } = publicJwk(second)
    const svid = { ...publicJwk(await generateKey({ alg: 'ES256', kid: 'svid' })), use: 'x509-svid' }
    const jwt = { ...publicJwk(await generateKey({ alg: 'ES256', kid: 'jwt' })), use: 'jwt-svid' }
    server.serve({
      keys: [publicJwk(first), rsa, seal, nameless, svid, jwt, { kty: 'new' }],
      trust_domains: { 'other.test': { keys: [publicJwk(second)] } },
      workloads: { 'spiffe://acme.test/orders': { keys: [publicJwk(second)] } },
    })
    const { holder } = await hold()
    expect(keysOf(holder)).toEqual(['first'])
    expect(holder.current().anchorsFor(parseWorkloadId('spiffe://other.test/orders'))).toBeUndefined()
    expect(holder.current().anchorsFor(parseWorkloadId('wimse://acme.test/orders'))).toBeUndefined()
  })

  it('takes the CA certificates of its trust domain, and a new version of trust when they change', async () => {
    const [ca, next] = [makeCa(), makeCa()]
    const broken = { ...bundleEntry(makeCa()), x5c: ['x'] }
    server.serve({ keys: [publicJwk(first), { ...bundleEntry(ca, next), kid: 'first' }, bundleEntry(ca), broken] })
    const { holder, clock, told } = await hold()
    const certificates = () =>
      holder
        .current()
        .caCertificatesFor(orders)
        .map(({ der }) => [...der])
    expect(keysOf(holder)).toEqual(['first'])
    expect(certificates()).toEqual([[...ca.der]])
    expect(holder.current().caCertificatesFor(parseWorkloadId('spiffe://other.test/orders'))).toEqual([])
    const { generation } = holder.current()
    server.serve({ keys: [publicJwk(first), bundleEntry(next)] })
    clock.advance(901)
    holder.current().assertFresh(orders)
    await until(() => told.includes('trust.changed'))
    expect(certificates()).toEqual([[...next.der]])
    expect(holder.current().generation).toBe(generation + 1)
  })

  it('a document of keys that is no object is refused', async () => {
    for (const document of [7, [], 'keys', null])
      expect(await fixOf(document)).toEqual(['trust-unavailable', 'never-fetched'])
  })

  /** Serves a broken document after a good one: it is told of, and the good one stays. */
  async function isRefused(document: unknown): Promise<void> {
    const wrong: unknown[] = []
    server.serve({ keys: [publicJwk(second)] })
    const clock = createFakeClock(NOW * 1000)
    const holder = await createTrustHolder(trustAt({ refreshSeconds: 60 }), {
      clock,
      report: (type, detail) => void wrong.push([type, detail?.option]),
    })
    open.push(holder)
    server.serve(document)
    clock.advance(61)
    holder.current().assertFresh(orders)
    await until(() => wrong.length > 0)
    expect(wrong).toEqual([['trust.rejected', server.url]])
    expect(keysOf(holder)).toEqual(['second'])
  }

  it('a document of keys without a list of keys is refused', () => isRefused({ keys: {} }))

  it('a document of more than a hundred keys is refused', () => isRefused({ keys: Array(101).fill({ kty: 'new' }) }))

  it('a document that lists something else than keys is refused', async () => {
    await isRefused({ keys: [7] })
    await isRefused({ keys: [{ kid: 'a' }] })
  })

  it('a document that publishes a private or symmetric key is refused', async () => {
    await isRefused({ keys: [first] })
    await isRefused({ keys: [publicJwk(first), { kty: 'oct', k: 'AAAA' }] })
  })

  it('a document with two keys of one name is refused', () =>
    isRefused({ keys: [publicJwk(first), { ...publicJwk(second), kid: 'first' }] }))

  it('a bundle whose "spiffe_sequence" went back is refused', async () => {
    server.serve({ spiffe_sequence: 7, spiffe_refresh_hint: 60, keys: [publicJwk(second)] })
    const { holder, clock, told } = await hold()
    server.serve({ spiffe_sequence: 6, keys: [publicJwk(first)] })
    clock.advance(61)
    holder.current().assertFresh(orders)
    await until(() => told.includes('trust.rejected'))
    expect(keysOf(holder)).toEqual(['second'])
    server.serve({ spiffe_sequence: 8, keys: [publicJwk(first)] })
    clock.advance(10)
    holder.current().assertFresh(orders)
    await until(() => told.includes('trust.changed'))
    expect(keysOf(holder)).toEqual(['first'])
  })

  it('obeys the refresh hint of a bundle', async () => {
    server.serve({ spiffe_refresh_hint: 600, keys: [publicJwk(second)] })
    const { holder, clock } = await hold()
    clock.advance(479)
    holder.current().assertFresh(orders)
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(server.asked()).toBe(1)
    clock.advance(122)
    holder.current().assertFresh(orders)
    await until(() => server.asked() === 2)
  })

  it('an empty bundle vouches for nobody', async () => {
    server.serve({ keys: [] })
    const { holder } = await hold()
    expect(keysOf(holder)).toEqual([])
  })

  it('a document that others are believed by is not fetched without TLS, but from this machine', async () => {
    const options = { trustDomain: 'acme.test' }
    for (const url of ['http://keys.test/', 'http://10.0.0.1/', 'ftp://127.0.0.1/', 'file:///keys', 'keys', ''])
      expect(refusal(() => trustUrl(url, options)).detail).toEqual({ option: 'trustUrl', fix: 'give an https URL' })
    for (const url of ['https://keys.test/', 'http://localhost:1/', 'http://127.0.0.1/', 'http://[::1]/'])
      expect(typeof trustUrl(url, options).load).toBe('function')
  })

  it('a URL with credentials or a fragment is refused', () => {
    for (const url of ['https://a@keys.test/', 'https://a:b@keys.test/', 'https://keys.test/#a'])
      expect(refusal(() => trustUrl(url, { trustDomain: 'acme.test' })).detail.fix).toContain('leave out')
  })

  it('a URL that is to speak for a trust domain without a valid name is refused', () => {
    for (const trustDomain of ['Acme', 'spiffe://acme.test/x', 'a b'])
      expect(refusal(() => trustUrl(server.url, { trustDomain })).detail.option).toBe('trustUrl.trustDomain')
  })

  it.each([
    [{ maxStaleSeconds: 0 }, 'maxStaleSeconds'],
    [{ refreshSeconds: 0.5 }, 'refreshSeconds'],
    [{ snapshot: '' }, 'snapshot'],
    [{ fetch: 7 }, 'fetch'],
    [{ trustDomain: 7 }, 'trustDomain'],
    [{ issuers: ['not a uri'] }, 'issuers.0'],
    [{ other: true }, ''],
  ])('names the option that is wrong: %j', (more, option) => {
    const given = { trustDomain: 'acme.test', ...more } as unknown as TrustUrlOptions
    const { code, detail } = refusal(() => trustUrl(server.url, given))
    expect([code, detail.option]).toEqual(['option-invalid', option === '' ? 'trustUrl' : `trustUrl.${option}`])
  })
})

describe('tokens under trust at a URL', async () => {
  const acme = await domain('acme.test')
  const token = (key: Jwk) => forge({ ...acme.header, kid: key.kid }, acme.claims, key)
  const verifierFor = ({ holder, clock }: Awaited<ReturnType<typeof hold>>) =>
    createTokenVerifier({ clock, toleranceSeconds: 30, renew: (origin) => holder.renew(origin) })

  it('a token by a key that was published a moment ago is looked for once', async () => {
    server.serve({ keys: [publicJwk(acme.anchor)] })
    const held = await hold()
    const tokens = verifierFor(held)
    const next = await generateKey({ alg: 'ES256', kid: 'next' })
    server.serve({ keys: [publicJwk(acme.anchor), publicJwk(next)] })
    held.clock.advance(31)
    const { keyId } = await tokens.verify(await token(next), held.holder.current())
    expect(keyId).toBe('next')
    expect(server.asked()).toBe(2)
  })

  it('ten thousand forged tokens with names of keys that nobody knows make one fetch in a cooldown', async () => {
    server.serve({ keys: [publicJwk(acme.anchor)] })
    const held = await hold()
    const tokens = verifierFor(held)
    const forged = await generateKey({ alg: 'ES256' })
    const some = await Promise.all(Array.from({ length: 10 }, (_, i) => token({ ...forged, kid: `forged-${i}` })))
    held.clock.advance(31)
    const refused: unknown[] = []
    for (let round = 0; round < 1000; round++) {
      const tries = some.map((one, i) =>
        refusalOf(async () => tokens.verify(rename(one, `${round}-${i}`), held.holder.current())),
      )
      refused.push(...(await Promise.all(tries)).map(({ code, detail }) => `${code} ${detail.step}`))
    }
    expect(new Set(refused)).toEqual(new Set(['token-untrusted kid']))
    expect(refused.length).toBe(10_000)
    expect(server.asked()).toBe(2)
  })

  it('a token is not judged by trust that has grown too old', async () => {
    server.serve({ keys: [publicJwk(acme.anchor)] })
    const held = await hold(trustAt({ maxStaleSeconds: 600 }))
    const tokens = verifierFor(held)
    server.behave(answering(503))
    held.clock.advance(601)
    const stale = await token(acme.anchor)
    expect((await refusalOf(async () => tokens.verify(stale, held.holder.current()))).code).toBe('trust-unavailable')
    expect(held.holder.health()).toEqual(['trust-unavailable'])
  })

  it('a remembered token is not believed by trust that has grown too old', async () => {
    server.serve({ keys: [publicJwk(acme.anchor)] })
    const held = await hold(trustAt({ maxStaleSeconds: 600 }))
    const tokens = verifierFor(held)
    const good = await token(acme.anchor)
    await tokens.verify(good, held.holder.current())
    server.behave(answering(503))
    held.clock.advance(601)
    expect((await refusalOf(async () => tokens.verify(good, held.holder.current()))).code).toBe('trust-unavailable')
    server.serve({ keys: [publicJwk(acme.anchor)] })
    held.clock.advance(10)
    await refusalOf(async () => tokens.verify(good, held.holder.current()))
    await until(() => held.holder.health().length === 0)
    expect((await tokens.verify(good, held.holder.current())).keyId).toBe('anchor-1')
  })

  it('of a domain whose server is down takes nothing from another domain', async () => {
    server.serve({ keys: [publicJwk(first)] })
    const other = await domain('other.test')
    const held = await hold(mergeTrust(trustAt({ maxStaleSeconds: 600 }), trustBundle(parseBundle(other.bundle))))
    const tokens = verifierFor(held)
    server.behave(answering(503))
    held.clock.advance(601)
    const good = await forge(other.header, other.claims, other.anchor)
    expect((await tokens.verify(good, held.holder.current())).id.id).toBe('spiffe://other.test/orders')
  })
})

/** The same token with another name of its key: forged, which is found out before its signature is looked at. */
function rename(token: string, kid: string): string {
  const [, claims, signature] = token.split('.')
  const header = Buffer.from(JSON.stringify({ alg: 'ES256', kid, typ: 'wit+jwt' })).toString('base64url')
  return `${header}.${claims}.${signature}`
}

describe('workloads under trust at a URL', () => {
  it('an identity provider that is dead for 59 minutes fails no call; at 61 minutes calls are 503; back, they are fresh', async () => {
    const anchor = await generateKey({ alg: 'ES256', kid: 'anchor' })
    server.serve({ keys: [publicJwk(anchor)] })
    const acme = await testDomain('acme.test')
    const overrides = async () => ({
      credentials: selfIssued({ keys: [anchor] }),
      trust: trustUrl(server.url, { trustDomain: 'acme.test' }),
    })
    const ledger = await acme.workload('ledger', await overrides())
    const caller = await acme.workload('orders', {
      ...(await overrides()),
      trust: trustBundle({ trust_domains: { 'acme.test': { keys: [publicJwk(anchor)] } } }),
    })
    open.push(ledger, caller)
    acme.serve(ledger, 'https://ledger.test', () => new Response('ok'))
    server.behave(answering(503))
    const before = server.asked()
    for (let minute = 1; minute <= 59; minute++) {
      acme.clock.advance(60)
      // Sockets have their turn.
      await new Promise((resolve) => setTimeout(resolve, 10))
      for (let i = 0; i < 5; i++) expect((await caller.fetch('https://ledger.test/')).status).toBe(200)
    }
    expect(server.asked() - before).toBeLessThanOrEqual((59 * 60) / 5)
    acme.clock.advance(120)
    expect((await caller.fetch('https://ledger.test/')).status).toBe(503)
    expect(ledger.health()).toEqual({ ok: false, problems: ['trust-unavailable'] })
    await ledger.audit.flush()
    const types = acme.sink.events.map(({ type, code }) => code ?? type)
    expect(types).toContain('trust.unreachable')
    expect(types).toContain('trust.stale')
    expect(types).toContain('trust-unavailable')
    expect(types.filter((type) => type === 'trust.unreachable')).toHaveLength(1)
    server.serve({ keys: [publicJwk(anchor)] })
    acme.clock.advance(300)
    await caller.fetch('https://ledger.test/')
    await until(() => ledger.health().ok)
    expect((await caller.fetch('https://ledger.test/')).status).toBe(200)
    await ledger.audit.flush()
    const recovered = acme.sink.events.find(({ type }) => type === 'trust.recovered')
    expect(recovered?.count).toBeGreaterThan(200)
  })
})
