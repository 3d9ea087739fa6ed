import { fromBase64url } from '../core/base64url.ts'
import { type Bytes, concat } from '../core/bytes.ts'
import { CountersignError } from '../core/errors.ts'
import type { Jwk } from './primitives.ts'
import type { Curve, SignatureSuite } from './suites.ts'

const COORDINATE_BYTES = 32
const UNCOMPRESSED = Uint8Array.of(4)

/** The members of a key that make it a public key: everything else of a JWK is left behind. */
export interface PublicMembers {
  kty: string
  crv: string
  x: string
  y?: string
}

/** Refuses a key and says what to give instead. */
export function keyInvalid(fix: string): CountersignError {
  return new CountersignError('key-invalid', { detail: { fix } })
}

/** The bytes of a coordinate or private scalar of any curve in use. */
export function coordinate(text: unknown): Bytes {
  const bytes = typeof text === 'string' ? fromBase64url(text) : undefined
  // Condition: a key with a coordinate that is not 32 bytes in plain base64url is refused.
  if (bytes?.length !== COORDINATE_BYTES) throw keyInvalid('the key material is not valid for its type')
  return bytes
}

/** The public members of a key that is on this curve, and on no other. */
export function publicMembers(crv: Curve | SignatureSuite['crv'], jwk: Jwk): PublicMembers {
  const kty = crv === 'P-256' ? 'EC' : 'OKP'
  // Condition: a key of another curve than it is used for is refused.
  if (jwk.kty !== kty || jwk.crv !== crv) throw keyInvalid(`give a key on ${crv}`)
  const { x = '', y = '' } = jwk
  coordinate(x)
  if (kty === 'OKP') return { kty, crv, x }
  coordinate(y)
  return { kty, crv, x, y }
}

/** The members of a private key on this curve. */
export function privateMembers(crv: Curve | SignatureSuite['crv'], jwk: Jwk): PublicMembers & { d: string } {
  // Condition: a public key where a private one is needed is refused.
  if (jwk.d === undefined) throw keyInvalid('give the private key')
  coordinate(jwk.d)
  return { ...publicMembers(crv, jwk), d: jwk.d }
}

/** The public point of a key as it travels: 65 bytes uncompressed for P-256, 32 for the others. */
export function pointOf(jwk: { readonly x?: unknown; readonly y?: unknown }): Bytes {
  return jwk.y === undefined ? coordinate(jwk.x) : concat(UNCOMPRESSED, coordinate(jwk.x), coordinate(jwk.y))
}

/** Tells whether a point has the one shape a curve's points have. */
export function isPoint(curve: Curve, point: Uint8Array): boolean {
  return curve === 'P-256' ? point.length === 65 && point[0] === 4 : point.length === 32
}
