import type { Bytes } from '../../core/bytes.ts'
import { certificateInvalid } from '../../identity/certificate-refusal.ts'
import { parseItem, parseList } from '../../signature/structured-fields/parse.ts'
import type { Member } from '../../signature/structured-fields/value.ts'
import type { ShownCertificate } from '../../trust/verify-certificate.ts'

const MAX_FIELD = 65_536
const MAX_CHAIN = 10

function bytesOf(member: Member | undefined): Bytes {
  const value = member !== undefined && 'value' in member ? member.value : undefined
  // Condition: a forwarded certificate that is not one byte sequence is refused.
  if (!(value instanceof Uint8Array)) throw certificateInvalid('client-cert')
  // Condition: a forwarded certificate with parameters is refused.
  if (member?.params.size !== 0) throw certificateInvalid('client-cert')
  return value
}

function readChain(field: string): readonly Bytes[] {
  // Condition: a Client-Cert-Chain field of more than 64 KiB is refused.
  if (field.length > MAX_FIELD) throw certificateInvalid('client-cert-size')
  const members = parseList(field)
  // Condition: a Client-Cert-Chain field that is no list, or one of more than ten members, is refused.
  if (members === undefined || members.length > MAX_CHAIN) throw certificateInvalid('client-cert-chain')
  return members.map(bytesOf)
}

/**
 * Reads the certificate that a proxy in front, which ended the TLS connection, has put into `Client-Cert` and
 * `Client-Cert-Chain`. It proves nothing by itself: whoever can reach the service past that proxy can write these fields.
 *
 * @param field `Client-Cert` as it arrived
 * @param chain `Client-Cert-Chain`
 * @returns undefined where neither came
 * @throws `certificate-invalid`
 * @see RFC 9440 §2
 */
export function parseClientCert(field: string | undefined, chain: string | undefined): ShownCertificate | undefined {
  if (field === undefined) {
    // Condition: a chain of a certificate that did not come is refused.
    if (chain !== undefined) throw certificateInvalid('client-cert-chain')
    return undefined
  }
  // Condition: a Client-Cert field of more than 64 KiB is refused.
  if (field.length > MAX_FIELD) throw certificateInvalid('client-cert-size')
  return { leaf: bytesOf(parseItem(field)), others: chain === undefined ? [] : readChain(chain) }
}
