import { toBase64 } from '../core/base64url.ts'
import { type Clock, nowSeconds, systemClock } from '../core/clock.ts'
import { CountersignError, isCountersignError } from '../core/errors.ts'
import { checkGiven } from '../core/given.ts'
import { andThen, type MaybePromise } from '../core/maybe-promise.ts'
import type { Jwk } from '../crypto/primitives.ts'
import { type SignatureAlgorithm, signerOf } from './algorithms.ts'
import { baseBytes, signatureBase } from './base.ts'
import { type Component, type MessageKind, parseComponents } from './component.ts'
import { type RequestMessage, type ResponseMessage, sourceOf } from './message-input.ts'
import { memberOf } from './proof.ts'
import type { FieldType } from './structured-fields/field-types.ts'
import { serializeKey, serializeParams } from './structured-fields/serialize.ts'
import type { BareItem } from './structured-fields/value.ts'

/** How to sign a message. */
export interface SignMessageOptions {
  /**
   * What to cover, in this order: names (`@method`, `content-digest`), or identifiers with parameters as the field
   * writes them (`"@method";req`, `"cookie";bs`).
   */
  readonly components: readonly string[]
  /** A private key for ES256 or Ed25519, or a secret of at least 32 bytes. It alone decides on the algorithm. */
  readonly key: Jwk | Uint8Array
  /** The name of this signature in the message; default `sig1`. It means nothing. */
  readonly label?: string
  /** Epoch seconds; default now. */
  readonly created?: number
  /** Epoch seconds; left out by default. */
  readonly expires?: number
  readonly nonce?: string
  readonly tag?: string
  readonly keyid?: string
  /** Says the algorithm in the message; has to be that of the key. */
  readonly alg?: SignatureAlgorithm
  /** The request an answer belongs to, for components with `req`. */
  readonly request?: RequestMessage
  /** The structure of fields of your own that are covered with `sf`, by name in lower case. */
  readonly fieldTypes?: Readonly<Record<string, FieldType>>
  /** Where `created` comes from by default. */
  readonly clock?: Clock
}

/** The values of the two fields that carry a signature. */
export interface SignatureHeaders {
  readonly 'signature-input': string
  readonly signature: string
}

/**
 * Signs components of a request or an answer (HTTP Message Signatures). It proves to who verifies it that the holder
 * of the key saw these components. It does not prove anything of what is not covered, nor of the content: cover
 * `content-digest` for that, and set the field with `contentDigest`. For calls between workloads use `workload.fetch`
 * and `guard`, which also choose what to cover.
 *
 * @returns the values of `Signature-Input` and `Signature`, to be added to the message
 * @throws {CountersignError} `option-invalid` where a component cannot be covered or a parameter not be written;
 * `key-invalid` where the key is not usable
 * @example
 * const request = { method: 'POST', url: 'https://ledger.test/entries', headers: [['content-type', 'application/json']] }
 * const key = crypto.getRandomValues(new Uint8Array(32))
 * const headers = await signMessage(request, { components: ['@method', '@target-uri', 'content-type'], key })
 * @see RFC 9421 §3.1
 */
export async function signMessage(
  message: RequestMessage | ResponseMessage,
  options: SignMessageOptions,
): Promise<SignatureHeaders> {
  checkGiven(options, 'options')
  return signNow(message, options)
}

function signNow(
  message: RequestMessage | ResponseMessage,
  options: SignMessageOptions,
): MaybePromise<SignatureHeaders> {
  const { label = 'sig1', alg, request, fieldTypes } = options
  return andThen(signerOf(options.key), (signer) => {
    // Condition: a signature that would say another algorithm than its key's is not made.
    if (alg !== undefined && alg !== signer.algorithm) throw invalid('alg', `the key is for ${signer.algorithm}`)
    const source = sourceOf(message, { request, fieldTypes })
    const components = componentsOf(options.components, 'status' in message ? 'answer' : 'request')
    const member = memberOf(components, serializeParams(paramsOf(options)))
    const base = attempt(() => baseBytes(signatureBase(components, member, source)))
    const name = serializeKey(label)
    return andThen(signer.sign(base), (signature) => ({
      'signature-input': `${name}=${member}`,
      signature: `${name}=:${toBase64(signature)}:`,
    }))
  })
}

function componentsOf(texts: readonly string[], kind: MessageKind): readonly Component[] {
  return attempt(() => parseComponents(texts, kind))
}

function paramsOf(options: SignMessageOptions): [string, BareItem][] {
  const { created = nowSeconds(options.clock ?? systemClock), expires, nonce, alg, keyid, tag } = options
  const params: [string, BareItem][] = [['created', created]]
  if (expires !== undefined) params.push(['expires', expires])
  if (nonce !== undefined) params.push(['nonce', nonce])
  if (alg !== undefined) params.push(['alg', alg])
  if (keyid !== undefined) params.push(['keyid', keyid])
  if (tag !== undefined) params.push(['tag', tag])
  return params
}

/** What cannot be covered here is the mistake of who asked for it. */
function attempt<T>(body: () => T): T {
  try {
    return body()
  } catch (cause) {
    // Condition: a component that has no value in the message, or is none, is not signed.
    if (!isCountersignError(cause)) throw cause
    throw invalid('components', `cannot cover this: ${cause.detail.step}`, cause)
  }
}

function invalid(option: string, fix: string, cause?: unknown): CountersignError {
  return new CountersignError('option-invalid', { cause, detail: { option, fix } })
}
