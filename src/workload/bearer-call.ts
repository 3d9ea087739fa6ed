import { CountersignError } from '../core/errors.ts'
import { normalMethod, type SecureInit } from '../flow/outbound/resolve.ts'
import { isLoopback } from '../flow/outbound/seal.ts'

/** What the application gave. */
export type Input = string | URL | Request

/** What has to be known of a call to send an access token with it, as often as need be. */
export interface BearerCall {
  readonly input: Input
  readonly init: SecureInit
  readonly url: URL
  readonly method: string
  readonly headers: Headers
  readonly signal: AbortSignal | undefined
  /** Whether it can be sent once more: its body is there as a whole, or there is none. */
  readonly isRepeatable: boolean
}

function invalid(option: string, fix: string): CountersignError {
  return new CountersignError('option-invalid', { detail: { option, fix } })
}

/** Where an access token may go. */
export interface BearerReach {
  readonly baseUrl?: string | undefined
  /** Whether somebody answers there whom it is for; where it is left out, that is for the application to say. */
  readonly goesTo?: ((url: URL) => boolean) | undefined
}

/** Reads a call that an access token shall travel with, and holds it to where such a token may go. */
export function readBearerCall(input: Input, init: SecureInit = {}, { baseUrl, goesTo }: BearerReach = {}): BearerCall {
  const request = input instanceof Request ? input : undefined
  const url = urlOf(request?.url ?? String(input), baseUrl)
  // Condition: an access token goes to no other origin than those of the peer it is for.
  if (goesTo?.(url) === false)
    throw invalid('url', 'give a path, or a URL at an origin of the peer: a token goes with it')
  const headers = new Headers(init.headers ?? request?.headers)
  const reserved = ['authorization', 'dpop'].find((name) => headers.has(name))
  // Condition: a call that an access token is written into is refused where it has one already.
  if (reserved !== undefined) {
    throw new CountersignError('field-reserved', { detail: { option: `headers["${reserved}"]`, fix: 'leave it out' } })
  }
  const method = normalMethod(init.method ?? request?.method ?? 'GET')
  return {
    input,
    init: { ...init, method, redirect: redirectOf(init, request) },
    url,
    method,
    headers,
    signal: init.signal ?? request?.signal,
    isRepeatable: isRepeatable(init.body, request),
  }
}

function urlOf(text: string, baseUrl: string | undefined): URL {
  const url = URL.canParse(text, baseUrl) ? new URL(text, baseUrl) : undefined
  const isSafe = url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopback(url.hostname))
  // Condition: an access token does not travel without TLS, but on this machine.
  if (url === undefined || !isSafe)
    throw invalid('url', 'give an absolute https URL: an access token goes with the call')
  return url
}

/** Where a redirect leads is for the application to judge: a token is for the one who was called. */
function redirectOf(init: SecureInit, request: Request | undefined): 'manual' | 'error' {
  // Condition: a call with an access token that is to follow redirects is refused.
  if (init.redirect === 'follow') throw invalid('redirect', "give 'manual' or 'error': the token is for this URL alone")
  return init.redirect ?? (request?.redirect === 'error' ? 'error' : 'manual')
}

function isRepeatable(body: unknown, request: Request | undefined): boolean {
  if (body === undefined || body === null) return request === undefined || request.body === null
  if (typeof body === 'string' || ArrayBuffer.isView(body) || body instanceof ArrayBuffer) return true
  return body instanceof URLSearchParams || body instanceof Blob || body instanceof FormData
}
