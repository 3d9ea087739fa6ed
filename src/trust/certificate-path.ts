import { equalBytes } from '../core/bytes.ts'
import type { Certificate } from '../identity/certificate.ts'
import { certificateInvalid } from '../identity/certificate-refusal.ts'
import { areNamesWithin } from '../identity/name-constraints.ts'
import { isStrong } from '../identity/public-key.ts'
import { type CertificateRole, signingFault, signsFor } from '../identity/svid.ts'
import type { Certificates } from '../platform/platform.ts'

/** Who has shown what, whom it may end at, and when. */
export interface PathQuestion {
  readonly leaf: Certificate
  /** What came with it, in any order. */
  readonly others: readonly Certificate[]
  /** The CA certificates of one trust domain: that of the leaf. */
  readonly anchors: readonly Certificate[]
  /** `spiffe://acme.internal` */
  readonly origin: string
  readonly role: CertificateRole
  /** Epoch milliseconds. */
  readonly nowMs: number
  readonly toleranceMs: number
}

const MAX_CHECKS = 30

/** Why a certificate cannot be used now, whatever signed it. */
function faultOf({ notBefore, notAfter, key }: Certificate, { nowMs, toleranceMs }: PathQuestion): string | undefined {
  // Condition: a certificate before its time is refused.
  if (nowMs < notBefore - toleranceMs) return 'not-yet-valid'
  // Condition: a certificate after its time is refused.
  if (nowMs > notAfter + toleranceMs) return 'expired'
  // Condition: a certificate with a weak or unknown key is refused.
  if (!isStrong(key)) return 'weak-key'
  return undefined
}

/** Looks for a way from a certificate to an anchor. What others have sent decides how long it looks: not beyond a bound. */
class PathSearch {
  readonly #question: PathQuestion
  readonly #certificates: Certificates
  #checks = 0
  #fault = { depth: 0, step: 'no-anchor' }

  constructor(question: PathQuestion, certificates: Certificates) {
    this.#question = question
    this.#certificates = certificates
  }

  find(): readonly Certificate[] {
    const { leaf } = this.#question
    const fault = faultOf(leaf, this.#question)
    if (fault !== undefined) throw certificateInvalid(fault)
    const path = this.#from([leaf])
    // Condition: a certificate from which no path leads to an anchor of its trust domain is refused.
    if (path === undefined) throw certificateInvalid(this.#fault.step)
    return path
  }

  #from(path: readonly Certificate[]): readonly Certificate[] | undefined {
    const { anchors, others } = this.#question
    for (const anchor of anchors) if (this.#reaches(path, anchor)) return [...path, anchor]
    for (const other of others) {
      // Condition: a certificate stands once in a path.
      if (path.some(({ der }) => equalBytes(der, other.der)) || !this.#reaches(path, other)) continue
      const whole = this.#from([...path, other])
      if (whole !== undefined) return whole
    }
    return undefined
  }

  /** Whether the last of a path was issued by this one; why not is kept, where it is the furthest that was come. */
  #reaches(path: readonly Certificate[], issuer: Certificate): boolean {
    const last = path.at(-1) as Certificate
    if (!equalBytes(last.issuer, issuer.subject)) return false
    const step = this.#faultBetween(path, last, issuer)
    if (step === undefined) return true
    if (path.length > this.#fault.depth) this.#fault = { depth: path.length, step }
    return false
  }

  #faultBetween(path: readonly Certificate[], last: Certificate, issuer: Certificate): string | undefined {
    const { origin, role } = this.#question
    const fault = signingFault(issuer, origin) ?? faultOf(issuer, this.#question)
    if (fault !== undefined) return fault
    // Condition: a certificate signed by a CA whose uses do not include the one it is shown for is refused.
    if (!signsFor(issuer, role)) return 'issuer-extended-key-usage'
    const { pathLength = Number.POSITIVE_INFINITY } = issuer.extensions
    // Condition: a certificate with more CAs above it than one of them allows is refused.
    if (countBelow(path) > pathLength) return 'path-length'
    // Condition: a certificate that is signed in a way that is not accepted is refused.
    if (last.signature === undefined) return 'signature-algorithm'
    // Condition: a path that takes more than thirty signatures to find is refused.
    if (++this.#checks > MAX_CHECKS) throw certificateInvalid('signature-checks')
    // Condition: a certificate that its issuer has not signed is refused.
    if (!this.#certificates.isIssuedBy(last.der, issuer.der)) return 'signature'
    // Condition: a certificate with a name that a CA above it may not give is refused.
    if (!path.every((below) => isNamedWithin(below, issuer))) return 'name-constraints'
    return undefined
  }
}

function isNamedWithin({ extensions }: Certificate, issuer: Certificate): boolean {
  const { nameConstraints } = issuer.extensions
  if (nameConstraints === undefined) return true
  const { uris, dnsNames, hasAddresses } = extensions
  // All URIs on a path are identifiers by now, or those of their trust domain.
  const uriHosts = uris.map((uri) => uri.split('/')[2] ?? '')
  return areNamesWithin({ uriHosts, dnsNames, hasAddresses }, nameConstraints)
}

/** How many CAs of a path count for a bound on its length: not those that a CA has issued to itself (RFC 5280 §6.1.4). */
function countBelow([, ...authorities]: readonly Certificate[]): number {
  return authorities.filter(({ issuer, subject }) => !equalBytes(issuer, subject)).length
}

/**
 * Finds a path from a certificate to one of the anchors and gives it, the anchor last.
 *
 * @throws `certificate-invalid` with what was wrong on the way that led furthest
 * @see RFC 5280 §6.1
 */
export function findPath(question: PathQuestion, certificates: Certificates): readonly Certificate[] {
  return new PathSearch(question, certificates).find()
}
