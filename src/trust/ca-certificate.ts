import { fromBase64, fromBase64url } from '../core/base64url.ts'
import { concat, equalBytes } from '../core/bytes.ts'
import { isCountersignError } from '../core/errors.ts'
import type { Jwk } from '../crypto/primitives.ts'
import { type Certificate, parseCertificate } from '../identity/certificate.ts'
import { isStrong, type PublicKey } from '../identity/public-key.ts'
import { signingFault } from '../identity/svid.ts'

/** 64 KiB in base64. */
const MAX_TEXT = 87_384
const UNCOMPRESSED = Uint8Array.of(4)

function parse(text: unknown): Certificate | undefined {
  if (typeof text !== 'string' || text.length > MAX_TEXT) return undefined
  const der = fromBase64(text)
  try {
    return der === undefined ? undefined : parseCertificate(der)
  } catch (error) {
    if (isCountersignError(error)) return undefined
    throw error
  }
}

function isMember(value: unknown, bytes: Uint8Array): boolean {
  const found = typeof value === 'string' ? fromBase64url(value) : undefined
  return found !== undefined && equalBytes(found, bytes)
}

/** Whether a JWK is the key of a certificate (RFC 7517 §4.7). */
function isKeyOf(jwk: Jwk, { type, raw, rsa }: PublicKey): boolean {
  if (rsa !== undefined) return jwk.kty === 'RSA' && isMember(jwk.n, rsa.modulus) && isMember(jwk.e, rsa.exponent)
  if (type === 'Ed25519') return jwk.kty === 'OKP' && jwk.crv === type && isMember(jwk.x, raw)
  const [x, y] = [jwk.x, jwk.y].map((one) => (typeof one === 'string' ? fromBase64url(one) : undefined))
  if (jwk.kty !== 'EC' || jwk.crv !== type || x === undefined || y === undefined) return false
  return x.length === y.length && equalBytes(concat(UNCOMPRESSED, x, y), raw)
}

/** The CA certificate that a key of a SPIFFE bundle stands for; undefined where it stands for none that can be used. */
export function readCaCertificate(jwk: Jwk): Certificate | undefined {
  if (jwk.use !== 'x509-svid' || !Array.isArray(jwk.x5c)) return undefined
  const certificate = parse(jwk.x5c[0])
  // Condition: an entry for certificates whose first certificate cannot be read is passed over.
  if (certificate === undefined) return undefined
  const [uri] = certificate.extensions.uris
  // Condition: an entry for certificates whose first certificate may sign none is passed over.
  if (signingFault(certificate, uri ?? '') !== undefined) return undefined
  // Condition: an entry for certificates with a weak or unknown key is passed over.
  if (!isStrong(certificate.key)) return undefined
  // Condition: an entry for certificates that names another key than its certificate is passed over.
  return isKeyOf(jwk, certificate.key) ? certificate : undefined
}

/** The CA certificates that a set of keys stands for, each once, in their order. */
export function caCertificatesOf(keys: readonly Jwk[]): readonly Certificate[] {
  const found: Certificate[] = []
  for (const jwk of keys) {
    const certificate = readCaCertificate(jwk)
    if (certificate === undefined) continue
    // Condition: a CA certificate that stands twice in a bundle counts once.
    if (!found.some(({ der }) => equalBytes(der, certificate.der))) found.push(certificate)
  }
  return Object.freeze(found)
}

/** What is kept of an entry for certificates from a document of others: the key and its one certificate. */
export function trimEntry({ kty, use, crv, x, y, n, e, x5c }: Jwk): Jwk {
  const members = Object.entries({ use, crv, x, y, n, e }).filter(([, value]) => value !== undefined)
  return { ...Object.fromEntries(members), kty, x5c: [(x5c as readonly string[])[0]] }
}
