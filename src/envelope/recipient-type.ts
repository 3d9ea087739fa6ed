import { type Bytes, concat, fromUtf8, utf8 } from '../core/bytes.ts'
import type { MaybePromise } from '../core/maybe-promise.ts'
import type { Entropy } from './entropy.ts'
import { keyInvalid } from './misuse.ts'

/** A kind of recipient: its byte on the wire and how long its body is after the key id. */
export interface RecipientType {
  readonly id: number
  readonly minBytes: number
  readonly maxBytes: number
}

const exactly = (id: number, bytes: number): RecipientType => Object.freeze({ id, minBytes: bytes, maxBytes: bytes })

/** How long a data key is once it is wrapped: 32 bytes and a tag. */
const WRAPPED_BYTES = 48

/** The key of a session: nothing is wrapped, the data key follows from the salt. */
export const SESSION: RecipientType = exactly(0x03, 0)
export const KEK: RecipientType = exactly(0x01, 24 + WRAPPED_BYTES)

/** The key of a service: how long a key is that it has wrapped is its own affair. */
export const SERVICE: RecipientType = Object.freeze({ id: 0x02, minBytes: 1, maxBytes: 4096 })
export const HPKE_P256: RecipientType = exactly(0x10, 65 + WRAPPED_BYTES)
export const HPKE_X25519: RecipientType = exactly(0x11, 32 + WRAPPED_BYTES)

const types: ReadonlyMap<number, RecipientType> = new Map(
  [KEK, SERVICE, SESSION, HPKE_P256, HPKE_X25519].map((type) => [type.id, type] as const),
)

/** The type a header names, or undefined for one that this version passes over. */
export function recipientTypeOf(id: number): RecipientType | undefined {
  return types.get(id)
}

/** Wraps data keys for one recipient. */
export interface Wrapper {
  /** Where both sides share a key: the data key of a salt. Then nothing is wrapped, and there is no other recipient. */
  readonly derive?: (salt: Uint8Array) => MaybePromise<Bytes>
  readonly type: RecipientType
  readonly kid: string
  /** The key id after its length, as it begins the recipient's body. */
  readonly kidField: Bytes
  /** What stands in the recipient's body after the key id. */
  wrap(dataKey: Uint8Array, entropy: Entropy): MaybePromise<Bytes>
}

/** Wraps data keys for one recipient and takes them out again. */
export interface Unwrapper extends Wrapper {
  /** The data key, or undefined where it does not unwrap, for whatever reason. */
  unwrap(body: Uint8Array): MaybePromise<Bytes | undefined>
}

/** A key id after its length. */
export function encodeKid(kid: string): Bytes {
  const bytes = utf8(kid)
  // Condition: a key id that is not of 1 to 255 bytes is refused.
  if (bytes.length < 1 || bytes.length > 255 || fromUtf8(bytes) !== kid) {
    throw keyInvalid('kid', 'give a key id of 1 to 255 bytes in UTF-8')
  }
  return concat(Uint8Array.of(bytes.length), bytes)
}

/** What a wrapping is bound to: its kind and its key id. */
export function wrapInfo(label: string, kidField: Uint8Array): Bytes {
  return concat(utf8(`${label}\0`), kidField)
}
