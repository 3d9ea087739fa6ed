import { primitives } from '#crypto'
import { type Bytes, equalBytes, equalText, hex } from '../../core/bytes.ts'
import { andThen, type MaybePromise } from '../../core/maybe-promise.ts'
import { parseCertificate } from '../../identity/certificate.ts'
import { certificateInvalid } from '../../identity/certificate-refusal.ts'
import { parsePem } from '../../identity/pem.ts'
import { readCertificateUri } from '../../identity/svid.ts'
import type { WorkloadId } from '../../identity/workload-id.ts'
import type { ShownCertificate } from '../../trust/verify-certificate.ts'
import { parseXfcc, type XfccElement } from './xfcc-field.ts'

/** What the proxy next to here says of its client. */
export interface ForwardedClientCert {
  readonly id: WorkloadId
  /** SHA-256 of the client's certificate: 64 hexadecimal digits in lower case. */
  readonly hash: string
  /** Who the proxy is, by the URIs of its own certificate. */
  readonly by: readonly string[]
  /** Where the proxy forwards it: of the hash, and with that URI alone. Nothing else of it is verified. */
  readonly shown?: ShownCertificate
}

const HASH = /^[0-9a-fA-F]{64}$/
const MAX_CERTIFICATES = 11

function certificatesIn(value: string | undefined, most: number): readonly Bytes[] {
  if (value === undefined) return []
  let certificates: readonly Bytes[] | undefined
  try {
    certificates = parsePem(decodeURIComponent(value), most)
  } catch {
    // An escape that is none.
  }
  // Condition: a forwarded certificate or chain that is not escaped PEM is refused.
  if (certificates === undefined) throw certificateInvalid('xfcc-pem')
  return certificates
}

/** The certificate, and what came with it: the chain of Envoy begins with the certificate itself. */
function shownIn(element: XfccElement): ShownCertificate | undefined {
  const [only] = certificatesIn(element.get('cert')?.[0], 1)
  const [first, ...others] = certificatesIn(element.get('chain')?.[0], MAX_CERTIFICATES)
  // Condition: a forwarded chain that does not begin with the forwarded certificate is refused.
  if (only !== undefined && first !== undefined && !equalBytes(only, first)) throw certificateInvalid('xfcc-chain')
  const leaf = only ?? first
  return leaf === undefined ? undefined : { leaf, others }
}

function assertIsShown({ id, hash }: ForwardedClientCert, { leaf }: ShownCertificate): MaybePromise<void> {
  return andThen(primitives.digest('SHA-256', leaf), (digest) => {
    // Condition: a forwarded certificate of another hash than is forwarded with it is refused.
    if (!equalText(hex(digest), hash)) throw certificateInvalid('xfcc-hash')
    const { uris } = parseCertificate(leaf).extensions
    // Condition: a forwarded certificate with another URI than is forwarded with it is refused.
    if (uris.length !== 1 || uris[0] !== id.id) throw certificateInvalid('xfcc-uri')
  })
}

/**
 * Reads what the proxy next to here says of its client in `X-Forwarded-Client-Cert`: the last element, which has one URI, the
 * hash of the certificate and the proxy's own identity. It proves nothing by itself: the field counts only where nobody but
 * that proxy can reach the service, and the proxy replaces what its clients send (`SANITIZE_SET`). Without the certificate
 * in it, it is the proxy's word alone that the client has this URI, and no other.
 *
 * @throws `certificate-invalid`
 * @see https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/headers#x-forwarded-client-cert
 */
export function parseForwardedClientCert(field: string): MaybePromise<ForwardedClientCert> {
  const element = parseXfcc(field)
  const [uri, ...further] = element.get('uri') ?? []
  // Condition: a forwarded client without a URI, or with more than one, is refused.
  if (uri === undefined || further.length > 0) throw certificateInvalid('xfcc-uri')
  const [hash = ''] = element.get('hash') ?? []
  // Condition: a forwarded client without the hash of its certificate is refused.
  if (!HASH.test(hash)) throw certificateInvalid('xfcc-hash')
  const by = element.get('by') ?? []
  // Condition: a forwarded client whose proxy does not name itself is refused.
  if (by.length === 0 || by.includes('')) throw certificateInvalid('xfcc-by')
  const said = { id: readCertificateUri(uri), hash: hash.toLowerCase(), by: Object.freeze([...by]) }
  const shown = shownIn(element)
  if (shown === undefined) return Object.freeze(said)
  return andThen(assertIsShown(said, shown), () => Object.freeze({ ...said, shown }))
}
