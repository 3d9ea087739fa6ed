import { type Clock, nowSeconds, systemClock } from '../core/clock.ts'
import { CountersignError } from '../core/errors.ts'
import { checkGiven } from '../core/given.ts'
import { andThen, type MaybePromise, settle } from '../core/maybe-promise.ts'
import type { Jwk } from '../crypto/primitives.ts'
import { type SignatureAlgorithm, type Verifier, verifierOf } from './algorithms.ts'
import { baseBytes, signatureBase } from './base.ts'
import { type Component, parseComponent, readComponents } from './component.ts'
import { type RequestMessage, type ResponseMessage, sourceOf } from './message-input.ts'
import { memberOf } from './proof.ts'
import { readSignatureFields, type SignatureEntry } from './signature-fields.ts'
import type { FieldType } from './structured-fields/field-types.ts'
import { serializeParams } from './structured-fields/serialize.ts'
import type { Params } from './structured-fields/value.ts'

/** Finds the key that a signature says it was made with; undefined where that key is not trusted here. */
export type KeyResolver = (keyid: string | undefined) => MaybePromise<Jwk | Uint8Array | undefined>

interface HowToVerify {
  /** What has to be covered, written as for `signMessage`. Nothing else is proven: name all that you rely on. */
  readonly requiredComponents: readonly string[]
  /** Only a signature with this tag counts. */
  readonly tag?: string
  /** Only the signature with this label counts; on its way a label may have been changed. */
  readonly label?: string
  /** How old a signature may be; it must then say when it was made. Not limited by default. */
  readonly maxAgeSeconds?: number
  /** How far clocks may differ; default 30. */
  readonly toleranceSeconds?: number
  readonly clock?: Clock
  /** The request an answer belongs to, for components with `req`. */
  readonly request?: RequestMessage
  /** The structure of fields of your own that are covered with `sf`, by name in lower case. */
  readonly fieldTypes?: Readonly<Record<string, FieldType>>
}

/** How to verify a message: by one key, or by the key that a resolver finds. */
export type VerifyMessageOptions = HowToVerify &
  ({ readonly key: Jwk | Uint8Array; readonly keys?: never } | { readonly keys: KeyResolver; readonly key?: never })

/** A signature that held. Times are epoch seconds. */
export interface MessageProof {
  readonly label: string
  /** That of the key. */
  readonly algorithm: SignatureAlgorithm
  /** What is covered, as the field writes it: `"@method"`, `"content-digest";req`. */
  readonly components: readonly string[]
  readonly created?: number
  readonly expires?: number
  readonly nonce?: string
  readonly tag?: string
  readonly keyid?: string
}

interface Times {
  readonly created?: number
  readonly expires?: number
}

/**
 * Verifies the signature of a request or an answer (HTTP Message Signatures). It proves that the holder of the key
 * signed the required components as they stand in this message, within the given time. It does not prove the content:
 * require `content-digest` and call `verifyContentDigest`. It does not notice that a message was seen before:
 * remember the nonce. The algorithm is that of the key; what the message says of it can only be refused.
 *
 * @throws {CountersignError} `proof-missing` and `proof-ambiguous` where not exactly one signature is meant;
 * `signature-malformed`, `proof-incomplete`, `field-not-covered`, `proof-expired`, and `proof-invalid` where no key
 * is found, a covered component is not there or the signature does not hold; `key-invalid` for an unusable key
 * @example
 * const proof = await verifyMessage(request, { key, requiredComponents: ['@method', '@target-uri', 'content-digest'] })
 * await verifyContentDigest(request.headers.get('content-digest') ?? '', new Uint8Array(await request.arrayBuffer()))
 * @see RFC 9421 §3.2
 */
export async function verifyMessage(
  message: RequestMessage | ResponseMessage,
  options: VerifyMessageOptions,
): Promise<MessageProof> {
  checkGiven(options, 'options')
  return verifyNow(message, options)
}

function verifyNow(
  message: RequestMessage | ResponseMessage,
  options: VerifyMessageOptions,
): MaybePromise<MessageProof> {
  const { request, fieldTypes } = options
  const source = sourceOf(message, { request, fieldTypes })
  const { label, input, signature } = theOne(readSignatureFields(source.message.fields), options)
  const components = readComponents(input.items, 'status' in message ? 'answer' : 'request')
  checkRequired(components, options.requiredComponents)
  const said = parametersOf(input.params)
  checkTimes(said, options)
  return andThen(verifierFor(said, options), (verifier) => {
    const member = memberOf(components, serializeParams(input.params))
    const base = baseBytes(signatureBase(components, member, source))
    return andThen(verifier.verify(base, signature), (holds) => {
      // Condition: a message whose signature does not hold is refused.
      if (!holds) throw refused('proof-invalid', 'signature')
      const { alg, ...parameters } = said
      const keys = components.map(({ key }) => key)
      return Object.freeze({ label, algorithm: verifier.algorithm, components: keys, ...parameters })
    })
  })
}

function refused(code: 'proof-missing' | 'proof-ambiguous' | 'proof-incomplete' | 'proof-invalid', step: string) {
  return new CountersignError(code, { detail: { step } })
}

function theOne(entries: readonly SignatureEntry[], { label, tag }: HowToVerify): SignatureEntry {
  const meant = entries.filter(
    (entry) =>
      (label === undefined || entry.label === label) && (tag === undefined || entry.input.params.get('tag') === tag),
  )
  const [entry] = meant
  // Condition: a message without the signature that is asked for is refused.
  if (entry === undefined) throw refused('proof-missing', 'signature')
  // Condition: a message with several signatures that could be meant is refused.
  if (meant.length > 1) throw refused('proof-ambiguous', 'signature')
  return entry
}

function checkRequired(components: readonly Component[], required: readonly string[]): void {
  const identities = new Set(components.map(({ identity }) => identity))
  for (const text of required) {
    const { identity, name } = parseComponent(text)
    // Condition: a signature that does not cover what is required is refused.
    if (!identities.has(identity)) throw new CountersignError('field-not-covered', { detail: { step: name } })
  }
}

function parametersOf(params: Params): Omit<MessageProof, 'label' | 'algorithm' | 'components'> & { alg?: string } {
  const said: Record<string, string | number> = {}
  for (const name of ['created', 'expires', 'nonce', 'tag', 'keyid', 'alg']) {
    const value = params.get(name)
    if (value === undefined) continue
    const isTime = name === 'created' || name === 'expires'
    // Condition: a signature parameter of the wrong type is refused.
    if (typeof value !== (isTime ? 'number' : 'string')) throw refused('proof-incomplete', name)
    // The check above is one the compiler does not follow.
    said[name] = value as string | number
  }
  return said
}

function checkTimes({ created, expires }: Times, options: HowToVerify): void {
  const { maxAgeSeconds, toleranceSeconds = 30, clock = systemClock } = options
  const now = nowSeconds(clock)
  // Condition: a signature that does not say when it was made is refused where its age is limited.
  if (maxAgeSeconds !== undefined && created === undefined) throw refused('proof-incomplete', 'created')
  // Condition: a signature that was made in the future is refused.
  if (created !== undefined && created > now + toleranceSeconds) throw expired('created', now - created)
  // Condition: a signature that is older than its age is limited to is refused.
  if (created !== undefined && now - created > (maxAgeSeconds ?? Number.POSITIVE_INFINITY) + toleranceSeconds) {
    throw expired('age', now - created)
  }
  // Condition: a signature that has expired is refused.
  if (expires !== undefined && expires <= now - toleranceSeconds) throw expired('expires', now - expires)
}

function expired(step: string, clockDifferenceSeconds: number): CountersignError {
  return new CountersignError('proof-expired', { detail: { step, clockDifferenceSeconds } })
}

function verifierFor(
  { keyid, alg }: { keyid?: string; alg?: string },
  options: VerifyMessageOptions,
): MaybePromise<Verifier> {
  return andThen(options.keys === undefined ? options.key : settle(options.keys(keyid)), (key) => {
    // Condition: a signature by a key that is not known is refused.
    if (key === undefined) throw refused('proof-invalid', 'key')
    return andThen(verifierOf(key), (verifier) => {
      // Condition: a signature that says another algorithm than its key's is refused.
      if (alg !== undefined && alg !== verifier.algorithm) throw refused('proof-invalid', 'alg')
      return verifier
    })
  })
}
