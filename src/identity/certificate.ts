import { type Bytes, equalBytes, hex } from '../core/bytes.ts'
import { type CertificateExtensions, readExtensions } from './certificate-extensions.ts'
import { certificateInvalid } from './certificate-refusal.ts'
import { assertDer, DerReader, onlyElement, SEQUENCE } from './der.ts'
import { readBitString, readTime, readUnsigned } from './der-values.ts'
import { type PublicKey, readPublicKey, type SignatureType, signatureTypeOf } from './public-key.ts'

/** What a certificate says. That its issuer says it, too, is not proven by reading it. */
export interface Certificate {
  readonly der: Bytes
  /** Hexadecimal, without leading zeros. */
  readonly serial: string
  /** The names as they are encoded: they are compared byte for byte. */
  readonly issuer: Uint8Array
  readonly subject: Uint8Array
  /** Epoch milliseconds. */
  readonly notBefore: number
  readonly notAfter: number
  readonly key: PublicKey
  /** How it is signed; undefined: in a way that is not accepted. */
  readonly signature: SignatureType | undefined
  readonly extensions: CertificateExtensions
}

const MAX_BYTES = 65_536
const MAX_SERIAL_BYTES = 20
const VERSION = 0xa0
const EXTENSIONS = 0xa3
const V3 = 2

function readVersion(tbs: DerReader): void {
  // Condition: a certificate of another version than 3 is refused.
  if (!tbs.isNext(VERSION)) throw certificateInvalid('version')
  const version = tbs.inside(VERSION)
  const [number, ...more] = readUnsigned(version)
  version.end()
  // Condition: a certificate that names another version than 3 is refused.
  if (number !== V3 || more.length > 0) throw certificateInvalid('version')
}

function readSerial(tbs: DerReader): string {
  const serial = readUnsigned(tbs)
  // Condition: a serial number of more than 20 bytes is refused.
  if (serial.length > MAX_SERIAL_BYTES) throw certificateInvalid('serial')
  return hex(serial).replace(/^0(?=.)/, '')
}

function readIssuer(tbs: DerReader): Uint8Array {
  const { bytes, content } = tbs.next(SEQUENCE)
  // Condition: a certificate whose issuer has no name is refused.
  if (content.length === 0) throw certificateInvalid('issuer')
  return bytes
}

function readValidity(tbs: DerReader): { notBefore: number; notAfter: number } {
  const validity = tbs.inside(SEQUENCE)
  const times = { notBefore: readTime(validity), notAfter: readTime(validity) }
  validity.end()
  return times
}

/** Reads the part that is signed, in its order (RFC 5280 §4.1); `algorithm` is how the whole says it is signed. */
function readSigned(tbs: DerReader, algorithm: Uint8Array): Omit<Certificate, 'der' | 'signature'> {
  readVersion(tbs)
  const serial = readSerial(tbs)
  // Condition: a certificate whose signed part names another signature algorithm is refused.
  if (!equalBytes(tbs.next(SEQUENCE).bytes, algorithm)) throw certificateInvalid('signature-algorithm')
  const issuer = readIssuer(tbs)
  const validity = readValidity(tbs)
  const subject = tbs.next(SEQUENCE).bytes
  const key = readPublicKey(tbs)
  // Unique identifiers would stand here; RFC 5280 has no certificate with them made.
  const list = tbs.inside(EXTENSIONS)
  const extensions = readExtensions(list.inside(SEQUENCE))
  list.end()
  tbs.end()
  return { serial, issuer, ...validity, subject, key, extensions }
}

/**
 * Reads one certificate of version 3 from DER, at most 64 KiB, strictly: what could be read in two ways is not read. Neither
 * its signature nor its time is judged.
 *
 * @throws `certificate-invalid` with the rule in `detail.step`
 * @see RFC 5280 §4.1, X.690 §10
 */
export function parseCertificate(bytes: Uint8Array): Certificate {
  // Condition: a certificate of more than 64 KiB is refused.
  if (bytes.length > MAX_BYTES) throw certificateInvalid('size')
  const der = new Uint8Array(bytes)
  assertDer(der)
  const whole = new DerReader(onlyElement(der, SEQUENCE).content)
  const tbs = whole.inside(SEQUENCE)
  const algorithm = whole.next(SEQUENCE).bytes
  readBitString(whole)
  whole.end()
  return Object.freeze({ der, ...readSigned(tbs, algorithm), signature: signatureTypeOf(algorithm) })
}
