import type { Certificate } from './certificate.ts'
import { CLIENT_AUTH, CRL_SIGN, DIGITAL_SIGNATURE, KEY_CERT_SIGN, SERVER_AUTH } from './certificate-extensions.ts'
import { certificateInvalid } from './certificate-refusal.ts'
import { readWorkloadId, type WorkloadId } from './workload-id.ts'

/** In which part of a connection a workload shows its certificate. */
export type CertificateRole = 'client' | 'server'

/** `anyExtendedKeyUsage` */
const ANY_USE = '551d2500'
const SCHEMES: ReadonlySet<string> = new Set(['spiffe', 'wimse'])

/** The identifier that a URI of a certificate is, where it is one of a workload: `spiffe` or `wimse`, and with a path. */
export function readCertificateUri(uri: string | undefined): WorkloadId {
  const id = readWorkloadId(uri ?? '')
  // Condition: a certificate whose URI is no identifier of a workload is refused.
  if (id === undefined || !SCHEMES.has(id.scheme)) throw certificateInvalid('identifier')
  // Condition: a certificate whose URI names a trust domain and no workload is refused.
  if (id.path === '' || id.path === '/') throw certificateInvalid('identifier')
  return id
}

/**
 * The workload that a certificate names, by the rules for one that is shown to others. Whether anybody who is trusted has
 * issued it, and whether its time is now, is another question.
 *
 * @throws `certificate-invalid`
 * @see SPIFFE X.509-SVID §2–4, draft-ietf-wimse-workload-creds (WIC)
 */
export function readSvid({ extensions }: Certificate, role: CertificateRole): WorkloadId {
  const { uris, isCa, keyUsage = 0, isKeyUsageCritical, extendedKeyUsages } = extensions
  // Condition: a certificate without a URI, or with more than one, is refused.
  if (uris.length !== 1) throw certificateInvalid('uris')
  const id = readCertificateUri(uris[0])
  // Condition: a CA that is shown as a workload is refused.
  if (isCa) throw certificateInvalid('leaf-is-ca')
  // Condition: a certificate of a workload without a critical key usage is refused.
  if (!isKeyUsageCritical) throw certificateInvalid('key-usage')
  // Condition: a certificate of a workload whose key may not sign is refused.
  if ((keyUsage & DIGITAL_SIGNATURE) === 0) throw certificateInvalid('key-usage')
  // Condition: a certificate of a workload whose key may sign certificates or revocation lists is refused.
  if ((keyUsage & (KEY_CERT_SIGN | CRL_SIGN)) !== 0) throw certificateInvalid('key-usage')
  const needed = usesFor(id, role)
  // Condition: a certificate of a workload whose uses do not include the one it is shown for is refused.
  if (extendedKeyUsages !== undefined && !needed.every((use) => extendedKeyUsages.includes(use))) {
    throw certificateInvalid('extended-key-usage')
  }
  return id
}

/** The use of a key for a part in a connection. */
function useOf(role: CertificateRole): string {
  return role === 'client' ? CLIENT_AUTH : SERVER_AUTH
}

/** SPIFFE has both uses or none listed; WIMSE the one of the part it plays. */
function usesFor({ scheme }: WorkloadId, role: CertificateRole): readonly string[] {
  if (scheme === 'spiffe') return [SERVER_AUTH, CLIENT_AUTH]
  return [useOf(role)]
}

/** Why a certificate may not sign others for a trust domain (`spiffe://acme.internal`), in one word; undefined: it may. */
export function signingFault({ extensions }: Certificate, origin: string): string | undefined {
  const { isCa, keyUsage = 0, uris } = extensions
  // Condition: a certificate signed by one that is no CA is refused.
  if (!isCa) return 'issuer-not-ca'
  // Condition: a certificate signed by a CA whose key may not sign certificates is refused.
  if ((keyUsage & KEY_CERT_SIGN) === 0) return 'issuer-key-usage'
  // Condition: a certificate signed by a CA that names another trust domain, or a workload, is refused.
  if (uris.length > 1 || uris.some((uri) => uri !== origin)) return 'issuer-trust-domain'
  return undefined
}

/** Whether what a CA signs may be used for a part in a connection: a CA that lists uses signs for these alone. */
export function signsFor({ extensions }: Certificate, role: CertificateRole): boolean {
  const { extendedKeyUsages = [ANY_USE] } = extensions
  return extendedKeyUsages.includes(ANY_USE) || extendedKeyUsages.includes(useOf(role))
}
