import type { MaybePromise } from '../core/maybe-promise.ts'
import type { Jwk } from '../crypto/primitives.ts'
import { hpkeRecipient } from './hpke-recipient.ts'
import { checkUse, publicPoint } from './jwk.ts'
import { keyInvalid, optionInvalid } from './misuse.ts'
import type { Wrapper } from './recipient-type.ts'

/** Someone to seal to. What it holds lies apart from it: nothing that prints it can show a key. */
export interface Recipient {
  /** The id of the key that is sealed to: the one thing about it that stands in the envelope. */
  readonly kid: string
}

const wrappers = new WeakMap<Recipient, Wrapper>()

/** Lets an object stand for what wraps data keys. */
export function standFor<T extends Recipient>(made: T, wrapper: Wrapper): T {
  wrappers.set(made, wrapper)
  return made
}

const followed = new WeakMap<Recipient, () => MaybePromise<Recipient>>()

/** Lets an object stand for whatever recipient it is at the moment. */
export function follow<T extends Recipient>(made: T, current: () => MaybePromise<Recipient>): T {
  followed.set(made, current)
  return made
}

/** Whether a recipient can be another one tomorrow. */
export function isFollowing(recipient: Recipient): boolean {
  return followed.has(recipient)
}

/** The recipient that this one is at the moment. */
export function currentOf(recipient: Recipient): MaybePromise<Recipient> {
  return followed.get(recipient)?.() ?? recipient
}

/** What wraps data keys for a recipient. */
export function wrapperOf(recipient: Recipient): Wrapper {
  const wrapper = wrappers.get(recipient)
  // Condition: sealing to what is no recipient is refused.
  if (wrapper === undefined) throw optionInvalid('to', 'give what recipient() or createKeyring() made')
  return wrapper
}

/** A recipient under a key id of its own, whatever the key says. Nothing is imported: a public key is a point. */
export function recipientNamed(kid: string, jwk: Jwk): Recipient {
  checkUse(jwk, 'recipient')
  // Condition: a private key is refused as a recipient.
  if (jwk.d !== undefined) throw keyInvalid('recipient', 'give the public key alone')
  return standFor(Object.freeze({ kid }), hpkeRecipient(kid, publicPoint(jwk, 'recipient')))
}

/**
 * Makes a recipient of a public key: whoever holds the private half can open what is sealed to it. Make it once and
 * keep it.
 *
 * It does not prove whose key this is: take keys from a trust bundle or from a verified peer. Whether a P-256 point
 * lies on its curve shows when something is sealed to it.
 *
 * @param publicJwk a public P-256 (`EC`) or X25519 (`OKP`) key with a `kid` of 1 to 255 bytes in UTF-8, which the
 *   opener's keyring knows it by
 * @throws {CountersignError} `key-invalid`
 * @example
 * const envelope = await seal(bytes, { to: recipient({ kty: 'OKP', crv: 'X25519', kid: 'archive-1', x }) })
 * @see RFC 9180 (HPKE) §5.1.1, SVE1 §10.3
 */
export function recipient(publicJwk: Jwk): Recipient {
  const kid = publicJwk?.kid
  // Condition: a recipient without a key id is refused.
  if (typeof kid !== 'string') throw keyInvalid('recipient', 'give the public JWK a "kid"')
  return recipientNamed(kid, publicJwk)
}
