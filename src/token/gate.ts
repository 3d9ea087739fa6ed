import { fromBase64url } from '../core/base64url.ts'
import { fromUtf8 } from '../core/bytes.ts'
import { CountersignError } from '../core/errors.ts'
import { isJsonObject, type JsonObject } from '../core/json.ts'

/** What a token says, frozen to the bottom. Nothing of it is proven. */
export interface GatedToken {
  readonly header: JsonObject
  readonly claims: JsonObject
}

const MAX_CHARACTERS = 8192
const MAX_DEPTH = 16
const SEGMENTS = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)$/
const JSON_STRING = /"(?:[^"\\]|\\.)*"/g

function malformed(step: string): CountersignError {
  return new CountersignError('token-malformed', { detail: { step } })
}

/**
 * Reads a compact JWS in its one spelling and refuses every other, before anything is looked up, compared or verified:
 * libraries decode padding, white space and stray bits, and a token with two spellings slips past whatever knows it by
 * one. It does not say who made the token.
 */
export function gateToken(value: string): GatedToken {
  // Condition: a token longer than 8 KiB is refused.
  if (value.length > MAX_CHARACTERS) throw malformed('size')
  const segments = SEGMENTS.exec(value)
  // Condition: a token that is not three base64url segments is refused.
  if (segments === null) throw malformed('segments')
  const [header, claims, signature] = segments.slice(1).map((segment) => fromBase64url(segment))
  // Condition: a token with stray bits at the end of a segment is refused.
  if (header === undefined || claims === undefined || signature === undefined) throw malformed('base64url')
  return Object.freeze({ header: readObject(header), claims: readObject(claims) })
}

function readObject(bytes: Uint8Array): JsonObject {
  const text = textOf(bytes)
  const value = parse(text)
  // Condition: a token whose header or claims are not a JSON object is refused.
  if (!isJsonObject(value)) throw malformed('json')
  // Condition: a token with a member name twice is refused.
  if (freezeMembers(value, 1) !== writtenMembers(text)) throw malformed('duplicate')
  return value
}

function textOf(bytes: Uint8Array): string {
  try {
    return fromUtf8(bytes)
  } catch {
    // Condition: a token whose header or claims are not UTF-8 is refused.
    throw malformed('utf-8')
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The members of a valid JSON text: its colons outside strings. Where one was written twice, parsing keeps fewer. */
function writtenMembers(text: string): number {
  return text.replace(JSON_STRING, '').split(':').length - 1
}

/** Freezes a value to the bottom, since it is shared by all who verify the same token, and counts its members. */
function freezeMembers(value: unknown, depth: number): number {
  if (typeof value !== 'object' || value === null) return 0
  // Condition: a token nested deeper than 16 levels is refused.
  if (depth > MAX_DEPTH) throw malformed('depth')
  Object.freeze(value)
  const children: unknown[] = Object.values(value)
  let members = Array.isArray(value) ? 0 : children.length
  for (const child of children) members += freezeMembers(child, depth + 1)
  return members
}
