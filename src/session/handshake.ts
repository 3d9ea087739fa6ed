import { fromBase64url } from '../core/base64url.ts'
import { type Bytes, fromUtf8, utf8 } from '../core/bytes.ts'
import { pointOf, publicMembers } from '../crypto/members.ts'
import type { Jwk } from '../crypto/primitives.ts'
import type { Curve } from '../crypto/suites.ts'

/** What the messages of a handshake are at most long. */
export const MAX_HANDSHAKE_BYTES = 4096
/** The longest a session may live. */
export const MAX_SESSION_SECONDS = 600

/** A public key of one handshake, as its curve and point. */
export interface Share {
  readonly curve: Curve
  readonly point: Bytes
}

/** What the one who is called answers: the session's name, its half of the secret, and how long it will know them. */
export interface SessionGrant extends Share {
  readonly id: string
  readonly expiresIn: number
  /** Whether a route demands sealed bodies. */
  readonly seal: boolean
}

/** Writes what a caller sends to open a session. */
export function encodeOffer(kex: Jwk): Bytes {
  return utf8(JSON.stringify({ v: 1, kex: publicOnly(kex) }))
}

/** Reads what a caller sends to open a session, or gives undefined. */
export function readOffer(bytes: Uint8Array): Share | undefined {
  const document = readDocument(bytes)
  return document === undefined ? undefined : shareOf(document.kex)
}

/** Writes the answer to an offer. */
export function encodeGrant(grant: Omit<SessionGrant, keyof Share> & { readonly kex: Jwk }): Bytes {
  const { id, kex, expiresIn, seal } = grant
  return utf8(JSON.stringify({ v: 1, id, kex: publicOnly(kex), expiresIn, seal }))
}

/** Reads the answer to an offer made on a curve, or gives undefined. */
export function readGrant(bytes: Uint8Array, curve: Curve): SessionGrant | undefined {
  const document = readDocument(bytes)
  if (document === undefined) return undefined
  const { id, expiresIn, seal, kex } = document
  const share = shareOf(kex)
  // Condition: a session whose name is not 128 bits in base64url is not used.
  if (typeof id !== 'string' || fromBase64url(id)?.length !== 16) return undefined
  // Condition: a session of no time or of more than ten minutes is not used.
  if (!(Number.isInteger(expiresIn) && (expiresIn as number) > 0 && (expiresIn as number) <= MAX_SESSION_SECONDS)) {
    return undefined
  }
  // Condition: a session on another curve than was offered is not used.
  if (share?.curve !== curve) return undefined
  return { ...share, id, expiresIn: expiresIn as number, seal: seal === true }
}

function publicOnly({ kty, crv, x, y }: Jwk): Jwk {
  return y === undefined ? ({ kty, crv, x } as Jwk) : ({ kty, crv, x, y } as Jwk)
}

function readDocument(bytes: Uint8Array): Record<string, unknown> | undefined {
  // Condition: a handshake that is longer than 4 KiB is refused.
  if (bytes.length > MAX_HANDSHAKE_BYTES) return undefined
  try {
    const document: unknown = JSON.parse(fromUtf8(bytes))
    // Condition: a handshake of another version is refused.
    const isOurs = document !== null && typeof document === 'object' && 'v' in document && document.v === 1
    return isOurs ? { ...document } : undefined
  } catch {
    return undefined
  }
}

/** A public key on a curve for agreement; whether the point lies on it shows when a secret is agreed. */
function shareOf(kex: unknown): Share | undefined {
  if (kex === null || typeof kex !== 'object') return undefined
  const { crv } = kex as Jwk
  // Condition: a handshake on a curve other than P-256 and X25519 is refused.
  if (crv !== 'P-256' && crv !== 'X25519') return undefined
  // Condition: a handshake that shows a private key is refused.
  if ('d' in kex) return undefined
  try {
    return { curve: crv, point: pointOf(publicMembers(crv, kex as Jwk)) }
  } catch {
    return undefined
  }
}
