import { type Bytes, utf8 } from '../core/bytes.ts'
import { type Code, codeEntry, problemKind } from '../core/codes.ts'
import { Fields } from '../core/message.ts'

/** The media type of refusals (RFC 9457). */
export const PROBLEM_TYPE = 'application/problem+json'

/** What is limited here is counted by the minute. */
const RETRY_AFTER = '60'
const PREFIX = 'urn:countersign:problem:'

const titles: Readonly<Record<string, string>> = Object.freeze({
  config: 'Misconfigured',
  malformed: 'Malformed request',
  unauthenticated: 'Not authenticated',
  forbidden: 'Forbidden',
  limited: 'Too many requests',
  unopened: 'Sealed body could not be opened',
  unavailable: 'Unavailable',
  upstream: 'Upstream failure',
  'encryption-required': 'Encryption required',
  'session-unknown': 'Session unknown',
})

/** Where the status tells more than the kind does, and tells it to strangers anyway. */
const titlesByStatus: Readonly<Record<number, string>> = Object.freeze({ 413: 'Content too large' })

/** What a stranger is told of a refusal: kind, status and correlation id, the same bytes for every cause of one kind and status. */
export function problemOf(code: Code, callId: string): { status: number; fields: Fields; body: Bytes } {
  const kind = problemKind(code)
  const { status } = codeEntry(code)
  const title = titlesByStatus[status] ?? titles[kind]
  const document = { type: PREFIX + kind, title, status, instance: `urn:uuid:${callId}` }
  const fields = new Fields(['Content-Type', PROBLEM_TYPE, ...(status === 429 ? ['Retry-After', RETRY_AFTER] : [])])
  return { status, fields, body: utf8(JSON.stringify(document)) }
}

/** The problem kind of a verified answer, where it is one of ours. */
export function readProblemKind(contentType: string | undefined, body: Uint8Array | undefined): string | undefined {
  if (contentType !== PROBLEM_TYPE || body === undefined || body.length > 1024) return undefined
  try {
    const document: unknown = JSON.parse(new TextDecoder().decode(body))
    if (document === null || typeof document !== 'object' || !('type' in document)) return undefined
    const { type } = document
    return typeof type === 'string' && type.startsWith(PREFIX) ? type.slice(PREFIX.length) : undefined
  } catch {
    return undefined
  }
}
