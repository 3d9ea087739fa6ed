import type { Bytes } from '../core/bytes.ts'
import type { MaybePromise } from '../core/maybe-promise.ts'
import type { Jwk } from './jwk.ts'
import type { Curve, SignatureSuite } from './suites.ts'

export type { Jwk } from './jwk.ts'

declare const opaque: unique symbol

/** A key that was imported: only the implementation that made it can look inside. */
export interface Handle<Name extends string> {
  readonly [opaque]: Name
}
export type MacKey = Handle<'mac'>
export type AeadKey = Handle<'aead'>
export type SigningKey = Handle<'signing'>
export type VerifyingKey = Handle<'verifying'>
export type AgreementKey = Handle<'agreement'>

/**
 * The primitives everything else is built from. Two implementations give the same bytes: `web.ts` (WebCrypto, the
 * reference) answers with promises, `node.ts` at once. Callers `await` either way.
 *
 * Sizes are fixed: AES-256-GCM with a nonce of 12 bytes and a tag of 16 appended, SHA-256 and HMAC-SHA-256 of 32
 * bytes, signatures of 64 bytes. Anything else is refused with `key-invalid` or as not verifying.
 */
export interface Primitives {
  readonly name: 'web' | 'node'
  digest(hash: 'SHA-256' | 'SHA-512', data: Uint8Array): MaybePromise<Bytes>
  /** The SHA-256 of data in base64, which a header field carries it in. */
  digestText(data: Uint8Array): MaybePromise<string>
  macKey(raw: Uint8Array): MaybePromise<MacKey>
  /** The MAC of a message, which may come in pieces. */
  mac(key: MacKey, ...data: readonly Uint8Array[]): MaybePromise<Bytes>
  /** The MAC of an ASCII text, in base64; undefined where the text is not ASCII. */
  macText(key: MacKey, text: string): MaybePromise<string | undefined>
  aeadKey(raw: Uint8Array): MaybePromise<AeadKey>
  /**
   * Ciphertext and tag, in pieces that follow each other: to join them costs as much as a tenth of the encryption. A nonce
   * is used once a key: the caller's duty.
   */
  encrypt(key: AeadKey, nonce: Uint8Array, plaintext: Uint8Array, aad: Uint8Array): MaybePromise<readonly Bytes[]>
  /** The plaintext, or undefined where the tag does not hold. */
  decrypt(key: AeadKey, nonce: Uint8Array, ciphertext: Uint8Array, aad: Uint8Array): MaybePromise<Bytes | undefined>
  signingKey(suite: SignatureSuite, jwk: Jwk): MaybePromise<SigningKey>
  verifyingKey(suite: SignatureSuite, jwk: Jwk): MaybePromise<VerifyingKey>
  sign(key: SigningKey, data: Uint8Array): MaybePromise<Bytes>
  verify(key: VerifyingKey, data: Uint8Array, signature: Uint8Array): MaybePromise<boolean>
  /** A private key for key agreement, from a private JWK. */
  agreementKey(curve: Curve, jwk: Jwk): MaybePromise<AgreementKey>
  /** A fresh private key, its public JWK and its public point: 65 bytes uncompressed for P-256, 32 for X25519. */
  generateAgreement(curve: Curve): MaybePromise<{ key: AgreementKey; jwk: Jwk; point: Bytes }>
  /** The shared secret with a public point, or undefined for a point off the curve or, on X25519, an all-zero secret. */
  agree(key: AgreementKey, point: Uint8Array): MaybePromise<Bytes | undefined>
}
