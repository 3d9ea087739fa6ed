import { CountersignError } from '../core/errors.ts'
import type { Jwk } from '../crypto/primitives.ts'
import { readWorkloadId } from '../identity/workload-id.ts'
import { keyIdentity } from '../keys/jwk.ts'
import { readDocument } from '../keys/schema.ts'
import { bundleSchema, isForSomethingElse } from './schema.ts'

/** Whom to believe within a trust domain. */
export interface TrustDomainEntry {
  /** They vouch for tokens; those with `use: "x509-svid"`, by the CA certificate in `x5c`, for certificates instead. */
  readonly keys: readonly Jwk[]
  /** Where given, a token must name its issuer (`iss`), and it must be one of these. */
  readonly issuers?: readonly string[]
  readonly spiffe_sequence?: number
  readonly spiffe_refresh_hint?: number
}

/** What is known of one workload. */
export interface WorkloadEntry {
  /** Replace the keys of its trust domain for this identifier. */
  readonly keys?: readonly Jwk[]
  /** What to seal to; where given, sealing is demanded. */
  readonly seal?: readonly Jwk[]
  /** The keys of its audit checkpoints. */
  readonly audit?: readonly Jwk[]
  /** The origins at which it answers. */
  readonly origins?: readonly string[]
}

/** Who and what no longer counts, whatever vouches for it. */
export interface Revoked {
  /** Workloads, and callers who are known by tokens or keys (`https://login.acme.com/user-1`, `api-key:billing`). */
  readonly workloads?: readonly string[]
  /** Names (`kid`) of keys; of keys in certificates the base64url SHA-256 of their SubjectPublicKeyInfo. */
  readonly keys?: readonly string[]
  /** Names (`jti`) of tokens. */
  readonly tokens?: readonly string[]
}

/** The trust bundle: a SPIFFE bundle map and more. A bare domain name means `spiffe://`. */
export interface TrustBundle {
  readonly trust_domains?: Readonly<Record<string, TrustDomainEntry>>
  readonly workloads?: Readonly<Record<string, WorkloadEntry>>
  readonly revoked?: Revoked
}

const MAX_CERTIFICATES = 100
/** Whoever is known by a token or a key: a part that says by whose word, and one that says who. */
const OTHER_CALLER = /^(?=[\x21-\x7e]{3,2048}$)[^:/]+[:/].*[^:/]/
const OF_WORKLOADS = /^(?:spiffe|wimse):/i

/** One set of keys, and where in the document it stands. */
interface KeySet {
  readonly where: string
  readonly keys: readonly Jwk[]
}

/** Refuses a trust bundle and says where and why. */
export function trustInvalid(option: string, fix: string): CountersignError {
  return new CountersignError('trust-invalid', { detail: { option, fix } })
}

/** The origin that the name of a trust domain means, or undefined where it is no name of one. */
export function trustOriginOf(name: string): string | undefined {
  const origin = name.includes('://') ? name : `spiffe://${name}`
  return readWorkloadId(`${origin}/x`)?.origin === origin ? origin : undefined
}

function isOrigin(text: string): boolean {
  return /^https?:\/\//.test(text) && URL.canParse(text) && new URL(text).origin === text
}

function checkDomains(bundle: TrustBundle): void {
  const seen = new Set<string>()
  for (const name of Object.keys(bundle.trust_domains ?? {})) {
    const origin = trustOriginOf(name)
    // Condition: a trust domain whose name is not valid is refused.
    if (origin === undefined)
      throw trustInvalid(`trust_domains.${name}`, 'write acme.internal or wimse://acme.internal')
    // Condition: a trust domain under two names is refused.
    if (seen.has(origin)) throw trustInvalid(`trust_domains.${name}`, 'this domain is there already, as spiffe://')
    seen.add(origin)
  }
}

function checkWorkloads(bundle: TrustBundle): void {
  const owners = new Map<string, string>()
  for (const [id, { origins = [] }] of Object.entries(bundle.workloads ?? {})) {
    const where = `workloads.${id}`
    // Condition: a trusted workload whose identifier is not valid is refused.
    if (readWorkloadId(id) === undefined)
      throw trustInvalid(where, 'write an identifier, as in spiffe://acme.internal/a')
    for (const origin of origins) {
      // Condition: an origin that is not a bare http or https origin is refused.
      if (!isOrigin(origin)) throw trustInvalid(`${where}.origins`, 'write origins as in http://orders, without a path')
      // Condition: an origin of two workloads is refused.
      if (owners.has(origin))
        throw trustInvalid(`${where}.origins`, `an origin belongs to ${owners.get(origin)} already`)
      owners.set(origin, id)
    }
  }
  for (const id of bundle.revoked?.workloads ?? []) {
    // Condition: a revoked workload whose identifier is not valid is refused.
    if (!isCaller(id)) throw trustInvalid('revoked.workloads', 'write whole identifiers')
  }
}

/** Whether somebody may be called so: a workload, or who is known by a token or key (`https://login.acme.com/auth0|7`). */
function isCaller(id: string): boolean {
  return readWorkloadId(id) !== undefined || (OTHER_CALLER.test(id) && !OF_WORKLOADS.test(id))
}

function* keySetsOf(bundle: TrustBundle): Iterable<KeySet> {
  for (const [name, { keys }] of Object.entries(bundle.trust_domains ?? {})) {
    yield { where: `trust_domains.${name}.keys`, keys: keys.filter((jwk) => !isForSomethingElse(jwk)) }
  }
  for (const [id, { keys = [], seal = [], audit = [] }] of Object.entries(bundle.workloads ?? {})) {
    yield { where: `workloads.${id}.keys`, keys }
    yield { where: `workloads.${id}.seal`, keys: seal }
    yield { where: `workloads.${id}.audit`, keys: audit }
  }
}

function checkKeys(bundle: TrustBundle): void {
  const seen = new Map<string, string>()
  for (const { where, keys } of keySetsOf(bundle)) {
    const names = new Set<string>()
    for (const jwk of keys) {
      const kid = jwk.kid ?? ''
      // Condition: a "kid" that stands twice in a set of trusted keys is refused.
      if (names.has(kid)) throw trustInvalid(where, `the "kid" ${kid} stands here twice`)
      const identity = keyIdentity(jwk)
      // Condition: a trusted key that stands in two places is refused.
      if (seen.has(identity)) throw trustInvalid(where, `the key ${kid} also stands in ${seen.get(identity)}`)
      names.add(kid)
      seen.set(identity, where)
    }
  }
}

function checkCertificates(bundle: TrustBundle): void {
  for (const [name, { keys }] of Object.entries(bundle.trust_domains ?? {})) {
    const count = keys.filter(({ use }) => use === 'x509-svid').length
    // Condition: a trust domain with more than a hundred CA certificates is refused.
    if (count > MAX_CERTIFICATES) throw trustInvalid(`trust_domains.${name}.keys`, 'list at most 100 CA certificates')
  }
}

function freezeDeep<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  for (const member of Object.values(value)) freezeDeep(member)
  return Object.freeze(value)
}

/** Reads a trust bundle strictly, and once: the result is a frozen copy. */
export function parseBundle(json: unknown): TrustBundle {
  const bundle: TrustBundle = readDocument(bundleSchema, json, 'trust-invalid')
  checkDomains(bundle)
  checkWorkloads(bundle)
  checkKeys(bundle)
  checkCertificates(bundle)
  return freezeDeep(bundle)
}
