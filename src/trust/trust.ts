import { primitives } from '#crypto'
import { fromBase64url } from '../core/base64url.ts'
import { concat } from '../core/bytes.ts'
import type { Jwk } from '../crypto/primitives.ts'
import { type Curve, type SignatureSuite, suiteOfKey } from '../crypto/suites.ts'
import type { Certificate } from '../identity/certificate.ts'
import type { WorkloadId } from '../identity/workload-id.ts'
import { thumbprint } from '../keys/jwk.ts'
import { NOTHING, type RemoteTrust } from './bound-source.ts'
import { type TrustBundle, trustInvalid, trustOriginOf } from './bundle.ts'
import { caCertificatesOf } from './ca-certificate.ts'
import { isForSomethingElse } from './schema.ts'

/** A key that vouches for workload identity tokens. */
export interface Anchor {
  readonly keyId: string
  readonly suite: SignatureSuite
  readonly jwk: Jwk
}

/** What may be asked to be revoked: whatever of it is known. */
export interface Suspect {
  readonly id?: string | undefined
  readonly keyId?: string | undefined
  readonly tokenId?: string | undefined
}

/** One version of the trust bundle, ready to be asked. It does not change: a new version is a new value. */
export interface Trust {
  /** Counts the versions, from 1: what was cached under another one does not hold. */
  readonly generation: number
  /** The keys that vouch for an identifier: those pinned to it, else those of its trust domain, else undefined. */
  anchorsFor(id: WorkloadId): readonly Anchor[] | undefined
  /** The CA certificates that vouch for an identifier: those of its trust domain; none where its keys are pinned. */
  caCertificatesFor(id: WorkloadId): readonly Certificate[]
  /** Whether the keys of a workload are pinned: nobody else's vouch for it. */
  isPinned(id: string): boolean
  /** The issuers a token of that identifier may name; undefined: any, or its keys are pinned. */
  issuersFor(id: WorkloadId): readonly string[] | undefined
  /** The public keys to seal to, each under its thumbprint. Where there is one, the peer demands sealing. */
  sealKeysFor(id: string): readonly Jwk[]
  originsOf(id: string): readonly string[]
  /** The workload that answers at an origin. */
  peerAt(origin: string): string | undefined
  /** Throws `trust-unavailable` where a list of what was revoked is older than it may be. */
  isRevoked(what: Suspect): boolean
  /** Throws it, too, where what is known of an identifier's domain is. */
  assertFresh(id: WorkloadId): void
}

const NONE: readonly never[] = Object.freeze([])

async function anchorsOf(keys: readonly Jwk[], where: string): Promise<readonly Anchor[]> {
  const anchors: Anchor[] = []
  for (const jwk of keys) {
    const keyId = jwk.kid ?? ''
    const suite = suiteOfKey(jwk)
    try {
      await primitives.verifyingKey(suite, jwk)
    } catch {
      // Condition: a trust anchor that is no point of its curve is refused.
      throw trustInvalid(where, `the key ${keyId} is no point of its curve`)
    }
    anchors.push(Object.freeze({ keyId, suite, jwk }))
  }
  return Object.freeze(anchors)
}

async function sealKeysOf(keys: readonly Jwk[], where: string): Promise<readonly Jwk[]> {
  const sealKeys: Jwk[] = []
  for (const jwk of keys) {
    const x = fromBase64url(jwk.x ?? '') ?? new Uint8Array()
    const y = fromBase64url(jwk.y ?? '') ?? new Uint8Array()
    const point = jwk.kty === 'EC' ? concat(Uint8Array.of(4), x, y) : x
    const { key } = await primitives.generateAgreement(jwk.crv as Curve)
    // Condition: a seal key that yields no shared secret is refused.
    if ((await primitives.agree(key, point)) === undefined) {
      throw trustInvalid(where, `the key ${jwk.kid} is no point of its curve`)
    }
    sealKeys.push(Object.freeze({ ...jwk, kid: await thumbprint(jwk) }))
  }
  return Object.freeze(sealKeys)
}

async function compileDomains(bundle: TrustBundle) {
  const anchors = new Map<string, readonly Anchor[]>()
  const certificates = new Map<string, readonly Certificate[]>()
  const issuers = new Map<string, readonly string[]>()
  for (const [name, entry] of Object.entries(bundle.trust_domains ?? {})) {
    const origin = trustOriginOf(name) ?? name
    const keys = entry.keys.filter((jwk) => !isForSomethingElse(jwk))
    anchors.set(origin, await anchorsOf(keys, `trust_domains.${name}.keys`))
    certificates.set(origin, caCertificatesOf(entry.keys))
    if (entry.issuers !== undefined) issuers.set(origin, entry.issuers)
  }
  return { anchors, certificates, issuers }
}

async function compileWorkloads(bundle: TrustBundle) {
  const pinned = new Map<string, readonly Anchor[]>()
  const seal = new Map<string, readonly Jwk[]>()
  const origins = new Map<string, readonly string[]>()
  const peers = new Map<string, string>()
  for (const [id, entry] of Object.entries(bundle.workloads ?? {})) {
    if (entry.keys !== undefined) pinned.set(id, await anchorsOf(entry.keys, `workloads.${id}.keys`))
    if (entry.seal !== undefined) seal.set(id, await sealKeysOf(entry.seal, `workloads.${id}.seal`))
    origins.set(id, entry.origins ?? NONE)
    for (const origin of entry.origins ?? NONE) peers.set(origin, id)
  }
  return { pinned, seal, origins, peers }
}

function revocationOf({ revoked }: TrustBundle): (what: Suspect) => boolean {
  const [workloads, keys, tokens] = [new Set(revoked?.workloads), new Set(revoked?.keys), new Set(revoked?.tokens)]
  const has = (set: Set<string>, name: string | undefined) => name !== undefined && set.has(name)
  return ({ id, keyId, tokenId }) => has(workloads, id) || has(keys, keyId) || has(tokens, tokenId)
}

/** Makes a bundle ready to be asked; keys that are no points of their curves are refused here, not at a call. */
export async function compileTrust(
  bundle: TrustBundle,
  generation: number,
  remote: RemoteTrust = NOTHING,
): Promise<Trust> {
  const domains = await compileDomains(bundle)
  const workloads = await compileWorkloads(bundle)
  const isRevoked = revocationOf(bundle)
  const assertListed = () => {
    for (const list of remote.lists) list.assertFresh()
  }
  return Object.freeze({
    generation,
    anchorsFor: (id: WorkloadId) => workloads.pinned.get(id.id) ?? domains.anchors.get(id.origin),
    caCertificatesFor(id: WorkloadId) {
      // Condition: a workload whose keys are pinned is vouched for by no CA.
      if (workloads.pinned.has(id.id)) return NONE
      return domains.certificates.get(id.origin) ?? NONE
    },
    isPinned: (id: string) => workloads.pinned.has(id),
    // A pinned workload is not vouched for by its domain, nor by its domain's issuers.
    issuersFor: (id: WorkloadId) => (workloads.pinned.has(id.id) ? undefined : domains.issuers.get(id.origin)),
    sealKeysFor: (id: string) => workloads.seal.get(id) ?? NONE,
    originsOf: (id: string) => workloads.origins.get(id) ?? NONE,
    peerAt: (origin: string) => workloads.peers.get(origin),
    isRevoked(what: Suspect) {
      assertListed()
      return isRevoked(what)
    },
    assertFresh(id: WorkloadId) {
      assertListed()
      // A pinned workload is not vouched for by its domain.
      if (remote.domains.size > 0 && !workloads.pinned.has(id.id)) remote.domains.get(id.origin)?.assertFresh()
    },
  })
}
