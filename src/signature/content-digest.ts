import { primitives } from '#crypto'
import { toBase64 } from '../core/base64url.ts'
import { type Bytes, equalBytes } from '../core/bytes.ts'
import { CountersignError } from '../core/errors.ts'
import { andThen, type MaybePromise } from '../core/maybe-promise.ts'
import { parseUniqueDictionary } from './structured-fields/parse.ts'
import { type Dictionary, isInnerList } from './structured-fields/value.ts'

/** The digests that hold against an attacker, with their lengths; all others are ignored. */
const ACTIVE = Object.freeze([
  { name: 'sha-256', hash: 'SHA-256', bytes: 32 },
  { name: 'sha-512', hash: 'SHA-512', bytes: 64 },
] as const)

const MAX_FIELD_LENGTH = 2048

interface Announced {
  readonly hash: 'SHA-256' | 'SHA-512'
  readonly digest: Bytes
}

/**
 * Computes the value of a `Content-Digest` field: the SHA-256 of the content as it is sent, after content coding. It
 * proves nothing by itself: whoever changes the body can change the digest, unless a signature covers the field.
 *
 * @param bytes the whole content
 * @returns such as `sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:`; a promise where the runtime has only
 * asynchronous cryptography
 * @example
 * const headers = { 'Content-Digest': await contentDigest(new TextEncoder().encode('{"hello": "world"}')) }
 * @see RFC 9530 §2
 */
export function contentDigest(bytes: Uint8Array): MaybePromise<string> {
  return andThen(primitives.digestText(bytes), fieldOf)
}

function fieldOf(digest: string): string {
  return `sha-256=:${digest}:`
}

/**
 * Verifies content against the value of a `Content-Digest` field: every SHA-256 and SHA-512 in it must match, and at
 * least one must be there. It proves that these bytes are the ones the field speaks of. It does not prove where the
 * field comes from: a signature has to cover it.
 *
 * @param field the combined value of the field
 * @param bytes the whole content, as it was received, before any content coding is undone
 * @throws {CountersignError} `digest-malformed` where the field cannot be read or has no SHA-256 or SHA-512;
 * `digest-mismatch` where the content is another
 * @example
 * await verifyContentDigest(request.headers.get('content-digest') ?? '', new Uint8Array(await request.arrayBuffer()))
 * @see RFC 9530 §2, §6.6
 */
export async function verifyContentDigest(field: string, bytes: Uint8Array): Promise<void> {
  await checkContentDigest(field, bytes)
}

/** The same, at once where the runtime can. */
export function checkContentDigest(field: string, bytes: Uint8Array): MaybePromise<void> {
  if (!field.startsWith('sha-256=')) return checkAnnounced(announcedIn(field), bytes)
  // What we would write ourselves needs no reading.
  return andThen(contentDigest(bytes), (own) => (field === own ? undefined : checkAnnounced(announcedIn(field), bytes)))
}

function checkAnnounced(announced: readonly Announced[], bytes: Uint8Array): MaybePromise<void> {
  const [first, ...rest] = announced
  if (first === undefined) return undefined
  return andThen(primitives.digest(first.hash, bytes), (actual) => {
    // Condition: content whose digest is not the announced one is refused.
    if (!equalBytes(actual, first.digest)) {
      throw new CountersignError('digest-mismatch', {
        detail: { step: first.hash, expected: toBase64(first.digest), received: toBase64(actual) },
      })
    }
    return checkAnnounced(rest, bytes)
  })
}

function announcedIn(field: string): readonly Announced[] {
  const dictionary = field.length > MAX_FIELD_LENGTH ? undefined : parseUniqueDictionary(field)
  // Condition: a content digest that is not a dictionary is refused.
  if (dictionary === undefined) throw malformed('dictionary')
  const announced: Announced[] = []
  for (const { name, hash, bytes } of ACTIVE) {
    if (dictionary.has(name)) announced.push({ hash, digest: digestOf(dictionary, name, bytes) })
  }
  // Condition: a content digest without SHA-256 and SHA-512 is refused.
  if (announced.length === 0) throw malformed('algorithm')
  return announced
}

function digestOf(dictionary: Dictionary, name: string, length: number): Bytes {
  const member = dictionary.get(name)
  const value = member === undefined || isInnerList(member) ? undefined : member.value
  // Condition: a content digest that is not bytes of the length of its algorithm is refused.
  if (!(value instanceof Uint8Array) || value.length !== length) throw malformed(name)
  return value
}

function malformed(step: string): CountersignError {
  return new CountersignError('digest-malformed', { detail: { step } })
}
