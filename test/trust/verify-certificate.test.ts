import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { isCountersignError } from '../../src/core/errors.ts'
import { generateKey, publicJwk } from '../../src/keys/jwk.ts'
import { createFakeClock } from '../../src/testing/fake-clock.ts'
import { parseBundle } from '../../src/trust/bundle.ts'
import { compileTrust } from '../../src/trust/trust.ts'
import { verifyCertificate } from '../../src/trust/verify-certificate.ts'
import { refusalOf } from '../core/refusal.ts'
import {
  alternativeNames,
  basicConstraints,
  bothUses,
  bundleEntry,
  CLIENT_AUTH,
  caUsage,
  dnsName,
  ecKey,
  ed25519Key,
  extendedKeyUsage,
  extension,
  leafUsage,
  type Made,
  makeCa,
  makeLeaf,
  NOW_MS,
  type Recipe,
  rsaKey,
  SERVER_AUTH,
  type SigningName,
  uriName,
} from '../support/certificate.ts'
import { boolean, element, explicit, sequence } from '../support/der.ts'

const ORIGIN = 'spiffe://acme.test'
const MINUTE_MS = 60_000
const root = makeCa({ name: 'root', uris: [ORIGIN] })
const middle = makeCa({ name: 'middle', by: root, uris: [ORIGIN] })
const leaf = makeLeaf({ by: middle })
const pinned = publicJwk(await generateKey({ alg: 'ES256', kid: 'pinned' }))

interface Given {
  readonly others?: readonly Made[]
  readonly anchors?: readonly Made[]
  readonly domain?: string
  readonly nowMs?: number
  readonly toleranceSeconds?: number
  readonly bundle?: object
}

async function verify(shown: Made, given: Given = {}) {
  const { others = [], anchors = [root], domain = ORIGIN, nowMs = NOW_MS, toleranceSeconds = 30, bundle = {} } = given
  const keys = anchors.map((anchor) => bundleEntry(anchor))
  const trust = await compileTrust(parseBundle({ trust_domains: { [domain]: { keys } }, ...bundle }), 1)
  return verifyCertificate(
    { leaf: shown.der, others: others.map(({ der }) => der) },
    { trust, clock: createFakeClock(nowMs), toleranceSeconds, role: 'client' },
  )
}

async function stepOf(shown: Made, given: Given = {}) {
  const { code, detail, status, kind, message } = await refusalOf(() => verify(shown, given))
  expect([code, status, kind]).toEqual(['certificate-invalid', 403, 'unauthenticated'])
  expect(message).toBe('The certificate does not tell who calls.')
  return detail.step
}

const direct = (recipe: Recipe = {}) => makeLeaf({ by: root, ...recipe })
const spkiOf = (made: Made) => made.key.publicKey.export({ format: 'der', type: 'spki' })
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('base64url')

describe('a certificate of a workload', () => {
  it('holds where a path leads to a CA of its trust domain', async () => {
    const found = await verify(leaf, { others: [middle] })
    expect(found).toMatchObject({ trustDomain: 'acme.test', thumbprint: sha256(leaf.der) })
    expect(found.id.id).toBe('spiffe://acme.test/orders')
    expect(found.spkiThumbprint).toBe(sha256(spkiOf(leaf)))
    expect([found.notBefore, found.notAfter]).toEqual([NOW_MS - 3_600_000, NOW_MS + 3_600_000])
    expect(found.serial).toMatch(/^1[0-9a-f]{16}$/)
    expect((await verify(leaf, { others: [root, makeCa(), middle] })).id).toEqual(found.id)
    expect((await verify(leaf, { anchors: [middle] })).id).toEqual(found.id)
    expect((await verify(direct())).id).toEqual(found.id)
    expect((await verify(leaf, { others: [middle], anchors: [makeCa({ name: 'root' }), root] })).id).toEqual(found.id)
  })

  it('holds by the first end and the last beginning of all on its path', async () => {
    const [notBefore, notAfter] = [NOW_MS - 5000, NOW_MS + 5000]
    const short = makeCa({ by: root, notBefore, notAfter })
    expect(await verify(makeLeaf({ by: short }), { others: [short] })).toMatchObject({ notBefore, notAfter })
  })

  it('a certificate that comes with more than ten others is refused', async () => {
    const others = [middle, ...Array.from({ length: 10 }, () => root)]
    expect(await stepOf(leaf, { others })).toBe('chain-length')
    expect((await verify(leaf, { others: others.slice(0, 10) })).trustDomain).toBe('acme.test')
  })

  it('a certificate of a trust domain without CA certificates is refused', async () => {
    const foreign = direct({ uris: ['spiffe://other.test/orders'] })
    expect(await stepOf(foreign)).toBe('trust-domain')
    expect(await stepOf(direct({ uris: ['wimse://acme.test/orders'] }))).toBe('trust-domain')
    expect(await stepOf(direct(), { anchors: [] })).toBe('trust-domain')
  })

  it('is not believed for another trust domain, though one CA signs for both', async () => {
    const shared = makeCa({ name: 'shared' })
    const bundle = {
      trust_domains: { 'acme.test': { keys: [bundleEntry(shared)] }, 'other.test': { keys: [bundleEntry(shared)] } },
    }
    const acme = makeCa({ by: shared, uris: ['spiffe://acme.test'] })
    const own = makeLeaf({ by: acme })
    const foreign = makeLeaf({ by: acme, uris: ['spiffe://other.test/orders'] })
    expect((await verify(own, { others: [acme], bundle })).trustDomain).toBe('acme.test')
    expect(await stepOf(foreign, { others: [acme], bundle })).toBe('issuer-trust-domain')
    // A CA that names no trust domain signs for those that list it, and for no other.
    const foreignDirect = makeLeaf({ by: shared, uris: ['spiffe://other.test/orders'] })
    expect(await stepOf(foreignDirect, { anchors: [shared] })).toBe('trust-domain')
    expect(await stepOf(foreignDirect, { anchors: [root], domain: 'other.test' })).toBe('no-anchor')
  })

  it('a workload whose keys are pinned is vouched for by no CA', async () => {
    const trust_domains = { [ORIGIN]: { keys: [bundleEntry(root)] } }
    const workloads = { 'spiffe://acme.test/orders': { keys: [pinned] } }
    expect(await stepOf(direct(), { bundle: { trust_domains, workloads } })).toBe('pinned')
    const other = direct({ uris: ['spiffe://acme.test/ledger'] })
    expect((await verify(other, { bundle: { trust_domains, workloads } })).id.path).toBe('/ledger')
  })

  it('a certificate of a workload whose keys are pinned is refused as such', async () => {
    const workloads = { 'spiffe://acme.test/orders': { keys: [pinned] } }
    expect(await stepOf(direct(), { bundle: { workloads } })).toBe('pinned')
    expect(await stepOf(direct(), { anchors: [], bundle: { workloads } })).toBe('pinned')
  })

  it('a certificate of a workload that was revoked is refused', async () => {
    const bundle = { revoked: { workloads: ['spiffe://acme.test/orders'] } }
    expect(await stepOf(direct(), { bundle })).toBe('revoked')
  })

  it('a certificate on whose path a key was revoked by its thumbprint is refused', async () => {
    for (const made of [leaf, middle, root]) {
      const bundle = { revoked: { keys: [sha256(spkiOf(made))] } }
      expect(await stepOf(leaf, { others: [middle], bundle })).toBe('revoked')
    }
    const bundle = { revoked: { keys: [sha256(spkiOf(direct()))] } }
    expect((await verify(leaf, { others: [middle], bundle })).trustDomain).toBe('acme.test')
  })

  it('is refused where trust has grown too old', async () => {
    const remote = new Map([
      [
        ORIGIN,
        {
          isStale: true,
          renew: async () => false,
          assertFresh: () => {
            throw new Error('stale')
          },
        },
      ],
    ])
    const trust = await compileTrust(parseBundle({ trust_domains: { [ORIGIN]: { keys: [bundleEntry(root)] } } }), 1, {
      domains: remote,
      lists: [],
    })
    const grounds = { trust, clock: createFakeClock(NOW_MS), toleranceSeconds: 30, role: 'client' } as const
    await expect(verifyCertificate({ leaf: direct().der, others: [] }, grounds)).rejects.toThrow('stale')
  })
})

describe('a path of certificates', () => {
  it('a certificate before its time is refused', async () => {
    const at = NOW_MS - 60 * MINUTE_MS
    expect((await verify(direct(), { nowMs: at - 30_000 })).notBefore).toBe(at)
    expect(await stepOf(direct(), { nowMs: at - 31_000 })).toBe('not-yet-valid')
    const early = makeCa({ by: root, notBefore: NOW_MS + MINUTE_MS })
    expect(await stepOf(makeLeaf({ by: early }), { others: [early] })).toBe('not-yet-valid')
  })

  it('a certificate after its time is refused', async () => {
    const at = NOW_MS + 60 * MINUTE_MS
    expect((await verify(direct(), { nowMs: at + 30_000 })).notAfter).toBe(at)
    expect(await stepOf(direct(), { nowMs: at + 31_000 })).toBe('expired')
    const late = makeCa({ by: root, notAfter: NOW_MS - MINUTE_MS })
    expect(await stepOf(makeLeaf({ by: late }), { others: [late] })).toBe('expired')
    const anchor = makeCa({ notAfter: NOW_MS - MINUTE_MS })
    expect(await stepOf(makeLeaf({ by: anchor }), { anchors: [anchor] })).toBe('expired')
  })

  it('a certificate with a weak or unknown key is refused', async () => {
    expect(await stepOf(direct({ key: rsaKey(1024) }))).toBe('weak-key')
    expect(await stepOf(direct({ key: ecKey('P-521') }))).toBe('weak-key')
    const weak = makeCa({ by: root, key: rsaKey(1024) })
    expect(await stepOf(makeLeaf({ by: weak }), { others: [weak] })).toBe('weak-key')
  })

  it('a certificate that is signed in a way that is not accepted is refused', async () => {
    expect(await stepOf(direct({ signing: 'ecdsa-sha1' }))).toBe('signature-algorithm')
    const rsa = makeCa({ key: rsaKey(2048) })
    for (const signing of ['rsa-sha1', 'pss-sha1', 'pss-short-salt'] as const) {
      expect(await stepOf(makeLeaf({ by: rsa, signing }), { anchors: [rsa] }), signing).toBe('signature-algorithm')
    }
  })

  it('holds by every signature that is accepted', async () => {
    const keys: [ReturnType<typeof ecKey>, SigningName[]][] = [
      [ecKey('P-256'), ['ecdsa-sha256', 'ecdsa-sha384', 'ecdsa-sha512']],
      [ecKey('P-384'), ['ecdsa-sha256', 'ecdsa-sha384']],
      [ed25519Key(), ['ed25519']],
      [rsaKey(2048), ['rsa-sha256', 'rsa-sha384', 'rsa-sha512', 'pss-sha256', 'pss-sha384', 'pss-sha512']],
    ]
    for (const [key, names] of keys) {
      const by = makeCa({ key })
      for (const signing of names) {
        expect((await verify(makeLeaf({ by, signing }), { anchors: [by] })).trustDomain, signing).toBe('acme.test')
      }
    }
  })

  it('a certificate that its issuer has not signed is refused', async () => {
    const impostor = makeCa({ name: 'root', uris: [ORIGIN] })
    expect(await stepOf(makeLeaf({ by: impostor }))).toBe('signature')
    const { der } = direct()
    const changed = Uint8Array.from(der)
    changed[der.length - 1] = (changed[der.length - 1] ?? 0) ^ 1
    expect(await stepOf({ ...leaf, der: changed })).toBe('signature')
  })

  it('a certificate from which no path leads to an anchor of its trust domain is refused', async () => {
    expect(await stepOf(leaf)).toBe('no-anchor')
    expect(await stepOf(makeLeaf({ key: root.key }))).toBe('no-anchor')
    const self = makeCa({ uris: [ORIGIN] })
    expect(await stepOf(makeLeaf({ by: self }), { others: [self] })).toBe('no-anchor')
  })

  it('a certificate with more CAs above it than one of them allows is refused', async () => {
    const top = makeCa({ pathLength: 1 })
    const second = makeCa({ by: top, pathLength: 0 })
    const third = makeCa({ by: second })
    const anchors = [top]
    expect((await verify(makeLeaf({ by: second }), { others: [second], anchors })).trustDomain).toBe('acme.test')
    expect(await stepOf(makeLeaf({ by: third }), { others: [second, third], anchors })).toBe('path-length')
    const open = makeCa({ by: top })
    const below = makeCa({ by: open })
    expect(await stepOf(makeLeaf({ by: below }), { others: [open, below], anchors })).toBe('path-length')
    // A CA that has issued itself a certificate for a new key does not count.
    const renewed = makeCa({ by: second, parts: { subject: second.name } })
    const byRenewed = makeLeaf({ by: { ...renewed, name: second.name } })
    expect((await verify(byRenewed, { others: [renewed, second], anchors })).trustDomain).toBe('acme.test')
  })

  it('a certificate stands once in a path', async () => {
    const loop = makeCa({ name: 'loop' })
    expect(await stepOf(makeLeaf({ by: loop }), { others: [loop, loop, loop] })).toBe('no-anchor')
    const [left, right] = [makeCa({ name: 'left' }), makeCa({ name: 'right' })]
    const circle = [
      makeCa({ name: 'left', key: left.key, by: right }),
      makeCa({ name: 'right', key: right.key, by: left }),
    ]
    expect(await stepOf(makeLeaf({ by: left }), { others: circle })).toBe('no-anchor')
  })

  it('a path that takes more than thirty signatures to find is refused', async () => {
    const key = ecKey()
    const others = Array.from({ length: 9 }, () => makeCa({ name: 'again', key }))
    const by = others[0] as Made
    expect(await stepOf(makeLeaf({ by }), { others })).toBe('signature-checks')
    const chain = [root]
    for (let i = 0; i < 9; i++) chain.unshift(makeCa({ by: chain[0] as Made }))
    const bottom = makeLeaf({ by: chain[0] as Made })
    expect((await verify(bottom, { others: chain.slice(0, 9) })).trustDomain).toBe('acme.test')
  })

  describe('with a CA that may give some names alone', () => {
    const dnsOf = (name: string) => sequence(dnsName(name))
    const uriOf = (host: string) => sequence(uriName(host))
    const bound = (permitted: readonly Uint8Array[], excluded: readonly Uint8Array[], isCritical = true) => {
      const lists = [permitted, excluded].map((list, i) =>
        list.length === 0 ? new Uint8Array() : explicit(i, ...list),
      )
      const constraints = extension('2.5.29.30', sequence(...lists), isCritical)
      return makeCa({ by: root, extensions: [basicConstraints(boolean()), caUsage, constraints] })
    }
    const named = (by: Made, ...names: readonly Uint8Array[]) =>
      makeLeaf({ by, extensions: [leafUsage, alternativeNames(uriName('spiffe://acme.test/orders'), ...names)] })
    const address = element(0x87, Uint8Array.of(10, 0, 0, 1))

    it('a certificate with a name that a CA above it may not give is refused', async () => {
      const refused = async (by: Made, ...names: readonly Uint8Array[]) =>
        expect(await stepOf(named(by, ...names), { others: [by] })).toBe('name-constraints')
      for (const host of ['other.test', '.acme.test', 'test', 'me.test']) await refused(bound([uriOf(host)], []))
      for (const host of ['acme.test', '.test', 'ACME.test']) await refused(bound([], [uriOf(host)]))
      await refused(bound([uriOf('other.test')], [], false))
      await refused(bound([dnsOf('acme.test')], []), dnsName('orders.acme.test'), dnsName('orders.other.test'))
      await refused(bound([dnsOf('acme.test')], []), dnsName('xacme.test'))
      await refused(bound([], [dnsOf('acme.test')]), dnsName('A.B.Acme.Test'))
      await refused(bound([], [sequence(element(0x87, new Uint8Array(8)))]), address)
      const below = makeCa({ by: bound([uriOf('other.test')], []) })
      const top = bound([uriOf('other.test')], [])
      const between = makeCa({ by: top })
      expect(await stepOf(named(between), { others: [between, top] })).toBe('name-constraints')
      expect(await stepOf(named(below), { others: [below] })).toBe('no-anchor')
    })

    it('holds for the names that it may give', async () => {
      const holds = async (by: Made, ...names: readonly Uint8Array[]) =>
        expect((await verify(named(by, ...names), { others: [by] })).trustDomain).toBe('acme.test')
      await holds(bound([uriOf('other.test'), uriOf('acme.test')], [uriOf('.acme.test')]), address)
      await holds(bound([uriOf('.test')], [dnsOf('other.test')], false), dnsName('orders.acme.test'))
      await holds(bound([dnsOf('acme.test')], []), dnsName('acme.test'), dnsName('a.b.ACME.test'))
      await holds(bound([dnsOf('acme.test')], [sequence(element(0x87, new Uint8Array(8)))]))
    })
  })

  it('a certificate signed by a CA whose uses do not include the one it is shown for is refused', async () => {
    const constrained = (...uses: readonly string[]) =>
      makeCa({ by: root, extensions: [basicConstraints(boolean()), caUsage, extendedKeyUsage(...uses)] })
    for (const uses of [[SERVER_AUTH], ['1.3.6.1.5.5.7.3.4', SERVER_AUTH]]) {
      const by = constrained(...uses)
      expect(await stepOf(makeLeaf({ by }), { others: [by] })).toBe('issuer-extended-key-usage')
    }
    for (const uses of [[CLIENT_AUTH], [SERVER_AUTH, '2.5.29.37.0']]) {
      const by = constrained(...uses)
      expect((await verify(makeLeaf({ by }), { others: [by] })).trustDomain).toBe('acme.test')
    }
  })

  it('refuses a workload that signs for others', async () => {
    const signer = makeLeaf({ by: root })
    expect(await stepOf(makeLeaf({ by: signer }), { others: [signer] })).toBe('issuer-not-ca')
    const mute = makeCa({ by: root, extensions: [caUsage] })
    expect(await stepOf(makeLeaf({ by: mute }), { others: [mute] })).toBe('issuer-not-ca')
  })

  it('says the same of any broken certificate among the others', async () => {
    const { der } = middle
    for (let length = 0; length < der.length; length += 7) {
      expect(await stepOf(leaf, { others: [{ ...middle, der: der.subarray(0, length) }] })).toMatch(/^der-/)
    }
  })

  it('never believes a certificate of which one bit was changed', async () => {
    const trust = await compileTrust(parseBundle({ trust_domains: { [ORIGIN]: { keys: [bundleEntry(root)] } } }), 1)
    const grounds = { trust, clock: createFakeClock(NOW_MS), toleranceSeconds: 30, role: 'client' } as const
    const { der } = direct()
    for (let bit = 0; bit < der.length * 8; bit++) {
      const changed = Uint8Array.from(der)
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      const error: unknown = await verifyCertificate({ leaf: changed, others: [] }, grounds).then(
        () => bit,
        (cause) => cause,
      )
      expect(isCountersignError(error, 'certificate-invalid'), `bit ${bit}: ${error}`).toBe(true)
    }
  })
})

const hasOpenssl = (() => {
  try {
    return execFileSync('openssl', ['version'], { encoding: 'utf8' }).startsWith('OpenSSL')
  } catch {
    return false
  }
})()

describe.skipIf(!hasOpenssl)('certificates made by these tests', () => {
  it('are read by OpenSSL as they are here', async () => {
    const made = direct({ extensions: [leafUsage, bothUses, alternativeNames(uriName('spiffe://acme.test/orders'))] })
    const args = ['x509', '-inform', 'DER', '-noout', '-serial', '-ext', 'subjectAltName,keyUsage']
    const text = execFileSync('openssl', args, { input: made.der, encoding: 'utf8' })
    const { serial } = await verify(made)
    expect(text.toLowerCase()).toMatch(new RegExp(`serial=0?${serial}`))
    expect(text).toContain('URI:spiffe://acme.test/orders')
    expect(text).toMatch(/Key Usage: critical\s+Digital Signature/)
  })
})
