import { primitives } from '#crypto'
import { platform } from '#platform'
import { toBase64url } from '../core/base64url.ts'
import type { Bytes } from '../core/bytes.ts'
import type { Clock } from '../core/clock.ts'
import { CountersignError, isCountersignError } from '../core/errors.ts'
import { Secret } from '../core/secret.ts'
import { type Certificate, parseCertificate } from '../identity/certificate.ts'
import { parsePem } from '../identity/pem.ts'
import { isStrong } from '../identity/public-key.ts'
import { readSvid } from '../identity/svid.ts'
import type { CertificatePair } from './certificate-source.ts'

/** A certificate of the workload itself, ready to be shown. */
export interface OwnCertificate {
  /** The workload's own, and behind it those that lead to the CA, in PEM. */
  readonly chainPem: string
  readonly keyPem: Secret<string>
  /** The workload's own in DER. */
  readonly leaf: Bytes
  /** `x5t#S256` (RFC 8705 §3.1): base64url of the SHA-256 of the certificate. */
  readonly thumbprint: string
  /** Epoch milliseconds. */
  readonly expiresAt: number
}

const MAX_CERTIFICATES = 10

function invalid(option: string, fix: string, step?: string): CountersignError {
  return new CountersignError('credentials-invalid', {
    detail: { option, fix, ...(step === undefined ? {} : { step }) },
  })
}

/** Runs a rule of certificates: here it is the operator who has broken it. */
function byTheRules<T>(rule: () => T): T {
  try {
    return rule()
  } catch (error) {
    const step = isCountersignError(error) ? error.detail.step : undefined
    // Condition: a certificate of one’s own that is none of a workload is refused.
    throw invalid('certificate', `it is no certificate of a workload (rule "${step}" of docs/certificates.md)`, step)
  }
}

/** The identifier in a certificate, whichever part in a connection it is for. */
function idOf(leaf: Certificate): string {
  try {
    return readSvid(leaf, 'client').id
  } catch {
    return readSvid(leaf, 'server').id
  }
}

function readChain(text: unknown): readonly Certificate[] {
  // Blank lines between and around are nothing.
  const lines = typeof text === 'string' ? text.split(/\r?\n/).filter((line) => line.trim() !== '') : []
  const found = parsePem(lines.join('\n'), MAX_CERTIFICATES)
  // Condition: a certificate of one’s own that is not one to ten in PEM is refused.
  if (found === undefined) throw invalid('certificate', 'give one to ten certificates in PEM, its own first')
  return byTheRules(() => found.map(parseCertificate))
}

/**
 * Reads a certificate of the workload itself strictly, and its key; no error shows anything of the key.
 *
 * @throws `credentials-invalid` naming part and fix
 */
export async function readOwnCertificate(
  { certificate, key }: CertificatePair,
  { id, clock }: { readonly id: string; readonly clock: Clock },
): Promise<OwnCertificate> {
  const leaf = readChain(certificate)[0] as Certificate
  // Condition: a certificate of one’s own that names another workload is refused.
  if (byTheRules(() => idOf(leaf)) !== id) throw invalid('certificate', `give one whose URI is ${id}`)
  // Condition: a certificate of one’s own with a weak or unknown key is refused.
  if (!isStrong(leaf.key))
    throw invalid('certificate', 'have one issued for a key on P-256, P-384, Ed25519 or RSA 2048')
  // Condition: a certificate of one’s own that has expired is refused.
  if (clock.now() > leaf.notAfter) throw invalid('certificate', 'it has expired: renew it')
  const hasKey = typeof key === 'string' ? platform.certificates().hasKey(leaf.der, key) : undefined
  // Condition: a key of one’s own certificate that cannot be read is refused.
  if (hasKey === undefined) throw invalid('key', 'give its private key in PEM, not encrypted')
  // Condition: a key that is not the one of one’s own certificate is refused.
  if (!hasKey) throw invalid('key', 'it belongs to another certificate: renew both')
  return Object.freeze({
    chainPem: certificate,
    keyPem: new Secret(key),
    leaf: leaf.der,
    thumbprint: toBase64url(await primitives.digest('SHA-256', leaf.der)),
    expiresAt: leaf.notAfter,
  })
}
