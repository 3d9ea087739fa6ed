import { primitives } from '#crypto'
import { platform } from '#platform'
import { toBase64url } from '../core/base64url.ts'
import type { Clock } from '../core/clock.ts'
import { isCountersignError } from '../core/errors.ts'
import { parseCertificate } from '../identity/certificate.ts'
import { certificateInvalid } from '../identity/certificate-refusal.ts'
import { type CertificateRole, readSvid } from '../identity/svid.ts'
import type { WorkloadId } from '../identity/workload-id.ts'
import { findPath } from './certificate-path.ts'
import type { Trust } from './trust.ts'

/** What somebody has shown, in DER. That it holds the private key is proven by the handshake alone. */
export interface ShownCertificate {
  readonly leaf: Uint8Array
  /** What came with it, in any order; an anchor among it is no anchor for that. */
  readonly others: readonly Uint8Array[]
}

/** By what a certificate is judged. */
export interface CertificateGrounds {
  readonly trust: Trust
  readonly clock: Clock
  readonly toleranceSeconds: number
  readonly role: CertificateRole
}

/** A certificate that held. */
export interface VerifiedCertificate {
  readonly id: WorkloadId
  readonly trustDomain: string
  /** `x5t#S256` (RFC 8705 §3.1): base64url of the SHA-256 of the certificate. */
  readonly thumbprint: string
  /** The same of its public key, which outlives a certificate that is issued anew for it. */
  readonly spkiThumbprint: string
  /** Hexadecimal, without leading zeros. */
  readonly serial: string
  /** Epoch milliseconds, of all certificates up to the anchor: the last that begins, and the first that ends. */
  readonly notBefore: number
  readonly notAfter: number
}

const MAX_OTHERS = 10

async function thumbprintOf(bytes: Uint8Array): Promise<string> {
  return toBase64url(await primitives.digest('SHA-256', bytes))
}

/**
 * Verifies a certificate that a workload has shown, by the CA certificates of the trust domain it names, and of no other:
 * what it says, that its time is now, and that a path of CAs leads from it to one of them. A workload whose keys are pinned
 * is vouched for by no CA. What held is to be verified anew under another version of trust, and after `notAfter`; freshness
 * of trust is asked for at each use (`trust.assertFresh`). Revocation lists are not read.
 *
 * @throws `certificate-invalid` with the rule in `detail.step`; `trust-unavailable` where trust has grown too old;
 *   `no-certificates` where the runtime cannot verify any
 * @see SPIFFE X.509-SVID §5, draft-ietf-wimse-mutual-tls, RFC 5280 §6
 */
export async function verifyCertificate(
  shown: ShownCertificate,
  { trust, clock, toleranceSeconds, role }: CertificateGrounds,
): Promise<VerifiedCertificate> {
  const certificates = platform.certificates()
  // Condition: a certificate that comes with more than ten others is refused.
  if (shown.others.length > MAX_OTHERS) throw certificateInvalid('chain-length')
  const leaf = parseCertificate(shown.leaf)
  const id = readSvid(leaf, role)
  trust.assertFresh(id)
  // Condition: a certificate of a workload whose keys are pinned is refused as such.
  if (trust.isPinned(id.id)) throw certificateInvalid('pinned')
  const anchors = trust.caCertificatesFor(id)
  // Condition: a certificate of a trust domain without CA certificates is refused.
  if (anchors.length === 0) throw certificateInvalid('trust-domain')
  const times = { nowMs: clock.now(), toleranceMs: toleranceSeconds * 1000 }
  const question = { leaf, others: shown.others.map(parseCertificate), anchors, origin: id.origin, role, ...times }
  const path = findPath(question, certificates)
  // Condition: a certificate of a workload that was revoked is refused.
  if (trust.isRevoked({ id: id.id })) throw certificateInvalid('revoked')
  for (const { key } of path) {
    // By the key: the digest of a certificate changes with its signature, which whoever holds the key may write anew.
    const keyId = await thumbprintOf(key.spki)
    // Condition: a certificate on whose path a key was revoked by its thumbprint is refused.
    if (trust.isRevoked({ keyId })) throw certificateInvalid('revoked')
  }
  return Object.freeze({
    id,
    trustDomain: id.trustDomain,
    thumbprint: await thumbprintOf(leaf.der),
    spkiThumbprint: await thumbprintOf(leaf.key.spki),
    serial: leaf.serial,
    notBefore: Math.max(...path.map(({ notBefore }) => notBefore)),
    notAfter: Math.min(...path.map(({ notAfter }) => notAfter)),
  })
}

const UNKNOWN: ReadonlySet<string> = new Set(['no-anchor', 'trust-domain'])

/** Whether a certificate was refused because its CA is not known: that may have been published a moment ago. */
export function isOfUnknownCa(error: unknown): boolean {
  return isCountersignError(error, 'certificate-invalid') && UNKNOWN.has(error.detail.step ?? '')
}
