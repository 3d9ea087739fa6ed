import { concat, fromUtf8 } from '../core/bytes.ts'
import { CountersignError } from '../core/errors.ts'

/** What is asked for, and within which bounds. */
export interface DocumentRequest {
  readonly url: URL
  /** What the version at hand is called by its server. */
  readonly etag: string | undefined
  readonly maxBytes: number
  readonly signal: AbortSignal
  readonly fetch: typeof fetch
}

/** A document as it came. Nothing in it is judged yet. */
export interface FetchedDocument {
  readonly json: unknown
  readonly etag: string | undefined
  /** For how long its server says that it holds. */
  readonly maxAgeSeconds: number | undefined
}

const MAX_REDIRECTS = 3
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])

/** Says why a document could not be had: one word. */
export function unavailable(step: string, cause?: unknown): CountersignError {
  return new CountersignError('trust-unavailable', { detail: { step }, ...(cause === undefined ? {} : { cause }) })
}

/**
 * Fetches a JSON document; `'same'` where the version at hand is still the newest. It sends no credentials, follows only
 * redirects within the origin that was configured, and reads no more than the limit.
 */
export async function fetchDocument(request: DocumentRequest): Promise<FetchedDocument | 'same'> {
  const response = await follow(request, request.url, 0)
  if (response.status === 304 && request.etag !== undefined) return discard(response, 'same')
  // Condition: a document that is answered with another status than 200 is not taken.
  if (response.status !== 200) throw discard(response, unavailable('status'))
  const json = parse(await readBounded(response, request.maxBytes))
  const maxAgeSeconds = maxAgeOf(response.headers.get('cache-control'))
  return { json, etag: response.headers.get('etag') ?? undefined, maxAgeSeconds }
}

async function follow(request: DocumentRequest, url: URL, count: number): Promise<Response> {
  const { etag, signal } = request
  const headers = { accept: 'application/json', ...(etag === undefined ? {} : { 'if-none-match': etag }) }
  const response = await send(request.fetch, url, { headers, signal, redirect: 'manual', credentials: 'omit' })
  if (!REDIRECTS.has(response.status) && response.type !== 'opaqueredirect') return response
  const next = nextUrl(response.headers.get('location'), url)
  // Condition: a redirect to another origin than the one configured is not followed.
  if (next?.origin !== request.url.origin) throw discard(response, unavailable('redirect'))
  // Condition: more than three redirects are not followed.
  if (count === MAX_REDIRECTS) throw discard(response, unavailable('redirect'))
  discard(response, undefined)
  return follow(request, next, count + 1)
}

async function send(fetchIt: typeof fetch, url: URL, init: RequestInit): Promise<Response> {
  try {
    return await fetchIt(url.href, init)
  } catch (cause) {
    throw unavailable(init.signal?.aborted === true ? 'timeout' : 'network', cause)
  }
}

function nextUrl(location: string | null, base: URL): URL | undefined {
  return location !== null && URL.canParse(location, base) ? new URL(location, base) : undefined
}

/** Lets the connection go: nobody reads what else comes. */
function discard<T>(response: Response, result: T): T {
  response.body?.cancel().catch(() => undefined)
  return result
}

async function readBounded(response: Response, maxBytes: number): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  let length = 0
  const reader = response.body?.getReader()
  try {
    for (let next = await reader?.read(); next?.done === false; next = await reader?.read()) {
      length += next.value.length
      // Condition: a document that is larger than the limit is not taken.
      if (length > maxBytes) throw unavailable('size')
      pieces.push(next.value)
    }
  } catch (cause) {
    reader?.cancel().catch(() => undefined)
    if (cause instanceof CountersignError) throw cause
    throw unavailable('network', cause)
  }
  return concat(...pieces)
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(fromUtf8(bytes))
  } catch {
    // Condition: a document that is not JSON in UTF-8 is not taken.
    throw unavailable('json')
  }
}

/** The lifetime a `Cache-Control` field gives (RFC 9111 §5.2.2); none where the answer may not be kept. */
export function maxAgeOf(field: string | null): number | undefined {
  const directives = (field ?? '').toLowerCase().split(',')
  if (directives.some((one) => /^\s*(?:no-store|no-cache)\b/.test(one))) return 0
  const found = directives
    .map((one) => /^\s*max-age="?(\d{1,10})"?\s*$/.exec(one)?.[1])
    .find((one) => one !== undefined)
  return found === undefined ? undefined : Number(found)
}
