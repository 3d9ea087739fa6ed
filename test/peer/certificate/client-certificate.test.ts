import { createHash } from 'node:crypto'
import { Agent } from 'node:https'
import { afterEach, describe, expect, it } from 'vitest'
import { bearerToken, clientCertificate, workloadProof } from '../../../src/accept.ts'
import { toBase64 } from '../../../src/core/base64url.ts'
import type { GuardOptions } from '../../../src/flow/inbound/guard-options.ts'
import { generateKey, publicJwk } from '../../../src/keys/jwk.ts'
import type { BearerTokenOptions } from '../../../src/peer/bearer/bearer-token-options.ts'
import type { Authorizer } from '../../../src/policy/decision.ts'
import { refusal, refusalOf } from '../../core/refusal.ts'
import { bundleEntry, type Made, makeCa, makeLeaf, NOW_MS } from '../../support/certificate.ts'
import { forge } from '../../token/fixtures.ts'
import { middle, pemOf, root, tlsDomain } from './tls-domain.ts'

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const one of open.splice(0)) await one.close()
})

async function served(...given: Parameters<typeof tlsDomain>) {
  const found = await tlsDomain(...given)
  open.push(found)
  return found
}

const orders = makeLeaf({ by: root })
const ORDERS = 'spiffe://acme.test/orders certificate'
const byConnection = { accept: [workloadProof(), clientCertificate()] }

describe('the certificate of a connection', () => {
  it('tells which workload is at its other end', async () => {
    const { ask, outcome } = await served(byConnection)
    expect(await outcome(ask({ shows: [orders] }))).toBe(ORDERS)
    expect(await outcome(ask({ shows: [makeLeaf({ by: middle }), middle] }))).toBe(ORDERS)
    expect(await outcome(ask())).toBe('400 proof-missing policy')
  })

  it('counts for nothing where the guard was not told to take it', async () => {
    const { ask, outcome } = await served({})
    expect(await outcome(ask({ shows: [orders] }))).toBe('400 proof-missing policy')
  })

  it('is refused where it breaks a rule', async () => {
    const other = makeCa({ name: 'other' })
    const bundle = {
      trust_domains: {
        'spiffe://acme.test': { keys: [bundleEntry(root)] },
        'other.test': { keys: [bundleEntry(other)] },
      },
    }
    const { ask, outcome } = await served(byConnection, bundle)
    const bad: [string, Made[]][] = [
      ['uris', [makeLeaf({ by: root, uris: ['spiffe://acme.test/a', 'spiffe://acme.test/b'] })]],
      ['leaf-is-ca', [makeCa({ by: root, uris: ['spiffe://acme.test/orders'] })]],
      ['no-anchor', [makeLeaf({ by: other })]],
      ['no-anchor', [makeLeaf({ by: root, uris: ['spiffe://other.test/orders'] })]],
      ['trust-domain', [makeLeaf({ by: root, uris: ['spiffe://third.test/orders'] })]],
      ['expired', [makeLeaf({ by: root, notAfter: NOW_MS - 60_000 })]],
      ['no-anchor', [makeLeaf()]],
    ]
    for (const [step, shows] of bad) expect(await outcome(ask({ shows }))).toBe(`403 certificate-invalid ${step}`)
  })

  it('a certificate that held is verified anew once its time is over', async () => {
    const { ask, outcome, clock } = await served(byConnection)
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const shows = [orders]
    expect(await outcome(ask({ shows, agent }))).toBe(ORDERS)
    clock.advance(3_600 + 29)
    expect(await outcome(ask({ shows, agent }))).toBe(ORDERS)
    clock.advance(2)
    expect(await outcome(ask({ shows, agent }))).toBe('403 certificate-invalid expired')
    agent.destroy()
  })

  it('a certificate that held under another version of trust is verified anew', async () => {
    const { ask, outcome, setTrust, trustOf } = await served(byConnection)
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const once = async () => {
      const asked = ask({ shows: [orders], agent })
      return [await outcome(asked), (await asked).port]
    }
    const [first, port] = await once()
    expect(first).toBe(ORDERS)
    await setTrust(trustOf([root], { revoked: { workloads: ['spiffe://acme.test/orders'] } }))
    expect(await once()).toEqual(['403 certificate-invalid revoked', port])
    await setTrust(trustOf([makeCa({ name: 'next' })]))
    expect(await once()).toEqual(['403 certificate-invalid no-anchor', port])
    await setTrust(trustOf([root]))
    expect(await once()).toEqual([ORDERS, port])
    agent.destroy()
  })

  it('of a session that is resumed is judged like any other', async () => {
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const { ask, outcome, setTrust, trustOf } = await served(byConnection)
      const shows = [makeLeaf({ by: middle }), middle]
      let session: Buffer | undefined
      const first = ask({ shows, more: { maxVersion, agent: new SessionAgent((one) => (session = one)) } })
      expect(await outcome(first)).toBe(ORDERS)
      expect((await first).isReused).toBe(false)
      await new Promise((resolve) => setTimeout(resolve, 50))
      const again = () => ask({ shows, more: { maxVersion, ...(session === undefined ? {} : { session }) } })
      const resumed = again()
      expect(await outcome(resumed)).toBe(ORDERS)
      expect((await resumed).isReused, maxVersion).toBe(true)
      await setTrust(trustOf([makeCa({ name: 'next' })]))
      expect(await outcome(again())).toBe('403 certificate-invalid no-anchor')
    }
  })
})

/** Hands out the sessions of its connections. */
class SessionAgent extends Agent {
  constructor(take: (session: Buffer) => void) {
    super({ keepAlive: false })
    this.on('keylog', () => undefined)
    const create = this as unknown as { createConnection(...given: unknown[]): NodeJS.EventEmitter }
    const original = create.createConnection.bind(this)
    create.createConnection = (...given) => {
      const socket = original(...given)
      socket.on('session', take)
      return socket
    }
  }
}

describe('the certificate that a proxy forwards', () => {
  const field = (one: Made) => `:${toBase64(one.der)}:`
  const proxied = (from: 'client-cert' | 'x-forwarded-client-cert', trustedProxies: readonly string[]) =>
    ({ accept: [workloadProof(), clientCertificate({ from })], trustedProxies }) satisfies Partial<GuardOptions>

  it('in Client-Cert counts from an address that is believed, and is seen by nobody', async () => {
    for (const address of ['127.0.0.1', '127.0.0.0/8', '::ffff:127.0.0.1']) {
      const { ask, outcome, seen } = await served(proxied('client-cert', [address]))
      expect(await outcome(ask({ headers: { 'client-cert': field(orders) } }))).toBe(ORDERS)
      const headers = { 'client-cert': field(makeLeaf({ by: middle })), 'client-cert-chain': field(middle) }
      expect(await outcome(ask({ headers }))).toBe(ORDERS)
      expect(await outcome(ask())).toBe('400 proof-missing policy')
      expect(seen.flatMap((one) => Object.keys(one)).filter((name) => name.includes('cert'))).toEqual([])
    }
  })

  it('counts as not sent from anybody else', async () => {
    for (const trusted of [[], ['10.0.0.0/8'], ['spiffe://acme.test/envoy']]) {
      const inFields = await served(proxied('client-cert', trusted))
      const headers = { 'client-cert': field(orders) }
      expect(await inFields.outcome(inFields.ask({ headers }))).toBe('400 proof-missing policy')
      expect(await inFields.outcome(inFields.ask({ headers, shows: [orders] }))).toBe('400 proof-missing policy')
      const inEnvoy = await served(proxied('x-forwarded-client-cert', trusted))
      const xfcc = { 'x-forwarded-client-cert': elementOf(orders) }
      expect(await inEnvoy.outcome(inEnvoy.ask({ headers: xfcc }))).toBe('400 proof-missing policy')
    }
  })

  it('counts from a workload that is believed and shows its own certificate', async () => {
    const envoy = makeLeaf({ by: root, uris: ['spiffe://acme.test/envoy'] })
    const { ask, outcome } = await served(proxied('client-cert', ['spiffe://acme.test/envoy']))
    expect(await outcome(ask({ shows: [envoy], headers: { 'client-cert': field(orders) } }))).toBe(ORDERS)
    const forged = makeLeaf({ uris: ['spiffe://acme.test/envoy'] })
    expect(await outcome(ask({ shows: [forged], headers: { 'client-cert': field(orders) } }))).toBe(
      '403 certificate-invalid no-anchor',
    )
  })

  it('is refused where it cannot be read or does not hold', async () => {
    const { ask, outcome, setTrust, trustOf } = await served(proxied('client-cert', ['127.0.0.1']))
    const bad: [string, Record<string, string | string[]>][] = [
      ['client-cert', { 'client-cert': 'x' }],
      ['client-cert', { 'client-cert': [field(orders), field(orders)] }],
      ['client-cert-chain', { 'client-cert-chain': field(root) }],
      ['no-anchor', { 'client-cert': field(makeLeaf()) }],
    ]
    for (const [step, headers] of bad) expect(await outcome(ask({ headers }))).toBe(`403 certificate-invalid ${step}`)
    const headers = { 'client-cert': field(orders) }
    expect(await outcome(ask({ headers }))).toBe(ORDERS)
    await setTrust(trustOf([makeCa({ name: 'next' })]))
    expect(await outcome(ask({ headers }))).toBe('403 certificate-invalid no-anchor')
  })

  const hashOf = ({ der }: Made) => createHash('sha256').update(der).digest('hex')
  const elementOf = (one: Made, by = 'spiffe://acme.test/ledger', uri = 'spiffe://acme.test/orders') =>
    `By=${by};Hash=${hashOf(one)};Cert="${encodeURIComponent(pemOf(one))}";URI=${uri}`

  it('in X-Forwarded-Client-Cert counts by its last element, from our own sidecar or a proxy that is believed', async () => {
    const { ask, outcome } = await served(proxied('x-forwarded-client-cert', ['127.0.0.1', 'spiffe://acme.test/envoy']))
    const xfcc = (value: string) => ask({ headers: { 'x-forwarded-client-cert': value } })
    expect(await outcome(xfcc(elementOf(orders)))).toBe(ORDERS)
    expect(await outcome(xfcc(`By=x;Hash=${'0'.repeat(64)};URI=spiffe://acme.test/evil,${elementOf(orders)}`))).toBe(
      ORDERS,
    )
    expect(await outcome(xfcc(elementOf(orders, 'spiffe://acme.test/envoy')))).toBe(ORDERS)
  })

  it('a forwarded client of a proxy that is neither ours nor listed by name is refused', async () => {
    const { ask, outcome } = await served(proxied('x-forwarded-client-cert', ['127.0.0.1']))
    const headers = { 'x-forwarded-client-cert': elementOf(orders, 'spiffe://acme.test/other') }
    expect(await outcome(ask({ headers }))).toBe('403 certificate-invalid xfcc-by')
  })

  it('a forwarded client whose certificate is not forwarded with it is refused', async () => {
    const unshown = `By=spiffe://acme.test/ledger;Hash=${hashOf(orders)};URI=spiffe://acme.test/orders`
    const headers = { 'x-forwarded-client-cert': unshown }
    const strict = await served(proxied('x-forwarded-client-cert', ['127.0.0.1']))
    expect(await strict.outcome(strict.ask({ headers }))).toBe('403 certificate-invalid xfcc-cert')
    const from = 'x-forwarded-client-cert' as const
    const accept = [clientCertificate({ from, dangerouslyBelieveProxy: true })]
    const claims: unknown[] = []
    const decide: Authorizer['decide'] = ({ peer }) => {
      claims.push(peer.claims)
      return { effect: 'allow' }
    }
    const lenient = await served({ accept, trustedProxies: ['127.0.0.1'], policy: { decide } })
    expect(await lenient.outcome(lenient.ask({ headers }))).toBe(ORDERS)
    // The hash of XFCC is hexadecimal; the claim has the spelling of its name (RFC 8705).
    const thumbprint = createHash('sha256').update(orders.der).digest('base64url')
    expect(claims).toEqual([{ 'x5t#S256': thumbprint }])
    expect(lenient.sink.events.find(({ type }) => type === 'dangerous.used')?.name).toBe(
      'clientCertificate.dangerouslyBelieveProxy',
    )
    const shown = { 'x-forwarded-client-cert': elementOf(makeLeaf()) }
    expect(await lenient.outcome(lenient.ask({ headers: shown }))).toBe('403 certificate-invalid no-anchor')
    const foreign = unshown.replace('/ledger', '/other')
    const fromOther = lenient.ask({ headers: { 'x-forwarded-client-cert': foreign } })
    expect(await lenient.outcome(fromOther)).toBe('403 certificate-invalid xfcc-by')
  })

  it('a forwarded client that was revoked is refused, whatever its proxy says', async () => {
    const accept = [clientCertificate({ from: 'x-forwarded-client-cert', dangerouslyBelieveProxy: true })]
    const revoked = { revoked: { workloads: ['spiffe://acme.test/orders'] } }
    const { ask, outcome } = await served({ accept, trustedProxies: ['127.0.0.1'] }, revoked)
    const unshown = `By=spiffe://acme.test/ledger;Hash=${hashOf(orders)};URI=spiffe://acme.test/orders`
    const headers = { 'x-forwarded-client-cert': unshown }
    expect(await outcome(ask({ headers }))).toBe('403 certificate-invalid revoked')
  })
})

describe('hops that are believed', () => {
  it('what a hop says of the connection behind it reaches a handler only from one that is believed', async () => {
    const headers = { 'x-forwarded-for': '203.0.113.9, 198.51.100.7, 10.1.1.1', 'x-forwarded-proto': 'https' }
    const trusting = await served({ ...byConnection, trustedProxies: ['127.0.0.1', '10.0.0.0/8'] })
    expect(await trusting.outcome(trusting.ask({ shows: [orders], headers }))).toBe(ORDERS)
    expect(trusting.seen[0]).toMatchObject(headers)
    expect(trusting.sink.events.at(-1)?.address).toBe('198.51.100.7')
    const other = await served(byConnection)
    expect(await other.outcome(other.ask({ shows: [orders], headers }))).toBe(ORDERS)
    expect(other.seen[0]).not.toHaveProperty('x-forwarded-for')
    expect(other.sink.events.at(-1)?.address).toBe('127.0.0.1')
  })

  it('say nothing of the caller where what they say cannot be read', async () => {
    const { ask, outcome, sink } = await served({ ...byConnection, trustedProxies: ['127.0.0.1'] })
    for (const value of ['unknown', '', '127.0.0.1', '203.0.113.9, x', '203.0.113.9:80']) {
      await outcome(ask({ shows: [orders], headers: { 'x-forwarded-for': value } }))
      expect(sink.events.at(-1)?.address, value).toBeUndefined()
    }
  })

  it('are named by addresses, ranges and identifiers', async () => {
    for (const name of ['10.0.0.1/8', 'localhost', '10.0.0.0/33', 'envoy', '*']) {
      const refused = await refusalOf(() => tlsDomain({ trustedProxies: [name] }))
      expect(refused.detail.option).toBe('guard options.trustedProxies.0')
    }
  })
})

describe('an access token that is bound to a certificate', () => {
  const issuer = 'https://login.test'

  async function bound(trustedProxies: readonly string[] = [], more: Partial<BearerTokenOptions> = {}) {
    const key = await generateKey({ alg: 'ES256', kid: 'issuer-1' })
    const login = bearerToken({ issuer, audience: 'https://ledger.test', keys: { keys: [publicJwk(key)] }, ...more })
    const found = await served({ accept: [login], trustedProxies })
    const thumbprint = createHash('sha256').update(orders.der).digest('base64url')
    const iat = NOW_MS / 1000
    const claims = { iss: issuer, aud: 'https://ledger.test', sub: 'u', client_id: 'c', jti: 'j', iat, exp: iat + 600 }
    const cnf = { 'x5t#S256': thumbprint }
    const token = await forge({ typ: 'at+jwt', alg: 'ES256', kid: 'issuer-1' }, { ...claims, cnf }, key)
    return { ...found, authorization: `Bearer ${token}` }
  }

  it('is taken on a connection that has shown it', async () => {
    const { ask, outcome, authorization } = await bound()
    const headers = { authorization }
    expect(await outcome(ask({ headers, shows: [orders] }))).toBe(`${issuer}/u bearer`)
    expect(await outcome(ask({ headers }))).toBe('401 bearer-invalid certificate')
    expect(await outcome(ask({ headers, shows: [makeLeaf({ by: root })] }))).toBe('401 bearer-invalid certificate')
    const forwarded = { authorization, 'client-cert': `:${toBase64(orders.der)}:` }
    expect(await outcome(ask({ headers: forwarded }))).toBe('401 bearer-invalid certificate')
  })

  it('is not taken with a field that nobody has said the proxy overwrites', async () => {
    const { ask, outcome, authorization } = await bound(['127.0.0.1'])
    // The thief of the token has read the certificate, too.
    const headers = { authorization, 'client-cert': `:${toBase64(orders.der)}:` }
    expect(await outcome(ask({ headers }))).toBe('401 bearer-invalid certificate')
    expect(await outcome(ask({ headers: { authorization }, shows: [orders] }))).toBe(`${issuer}/u bearer`)
  })

  it('is taken where a proxy that is believed forwards it', async () => {
    const { ask, outcome, authorization } = await bound(['127.0.0.1'], { certificateFrom: 'client-cert' })
    const headers = { authorization, 'client-cert': `:${toBase64(orders.der)}:` }
    expect(await outcome(ask({ headers }))).toBe(`${issuer}/u bearer`)
    expect(await outcome(ask({ headers: { authorization }, shows: [orders] }))).toBe('401 bearer-invalid certificate')
  })
})

it('names what is wrong with its options', () => {
  const from = 'socket' as 'connection'
  expect(refusal(() => clientCertificate({ from })).detail.option).toBe('clientCertificate.from')
})
