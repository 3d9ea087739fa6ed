import { systemClock } from '../core/clock.ts'
import { CountersignError } from '../core/errors.ts'
import { checkOptions } from '../core/options.ts'
import type { SecureInit } from '../flow/outbound/resolve.ts'
import type { BearerSource } from '../token/bearer-source.ts'
import type { Input } from './bearer-call.ts'
import type { BearerFetchOptions } from './bearer-fetch-options.ts'
import { runtimeFetch } from './runtime-fetch.ts'
import { bearerFetchOptionsSchema } from './schema.ts'
import { withBearer } from './with-bearer.ts'

/** A `fetch` whose calls carry an access token. Redirects are not followed. */
export type BearerFetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>

/**
 * Makes a `fetch` for services that ask for access tokens and know no signatures: an API of a provider, a partner's service.
 * Each call carries the token of `source`; where that comes with a `dpopKey`, `Authorization: DPoP` and a proof of its own
 * (RFC 9449) with the newest nonce of the service.
 *
 * It proves nothing about the answer: **who answered is told by TLS alone**, and whoever ends TLS on the way reads and
 * changes what passes, and has the token. Without a `dpopKey` whoever has read the token can use it; with one neither body nor
 * query is proven. For services that have a guard of this library use `workload.fetch`.
 *
 * The token is asked for once for all calls that wait, kept until 30 seconds before it expires, and asked for again when a
 * service refuses it (401, `invalid_token`). A call is then sent once more, and so it is with a nonce (`use_dpop_nonce`), where
 * its body is no stream; every other answer is given as it is. It goes to https URLs, and to http on this machine. Redirects
 * are given as answers, and `redirect: 'follow'` is refused: the token is for who was called.
 *
 * @param source gets a token: see `BearerSource`
 * @throws `option-invalid`; from a call: `credentials-unavailable` where `source` fails, gives nothing that can be sent, or does
 * not answer within 30 seconds; `field-reserved` where the call sets `Authorization` or `DPoP`; what `fetch` throws
 * @example
 * const reports = bearerFetch(() => tokens.issueToken({ subject: 'nightly-export', audience: 'https://reports.example' }))
 * const answer = await reports('https://reports.example/monthly')
 * @see RFC 6750 §2.1 and §3, RFC 9449 §4 and §8, RFC 9700 §4.10
 */
export function bearerFetch(source: BearerSource, options: BearerFetchOptions = {}): BearerFetch {
  // Condition: a fetch with access tokens is not made without a source of them.
  if (typeof source !== 'function') {
    const fix = 'give a function that gives { token, expiresAt?, dpopKey? }'
    throw new CountersignError('option-invalid', { detail: { option: 'bearerFetch.source', fix } })
  }
  const { fetch: given, clock = systemClock } = checkOptions(bearerFetchOptionsSchema, options, 'bearerFetch')
  const send = given === undefined ? ownFetch : (input: Input, init?: SecureInit) => given(input, init as RequestInit)
  return withBearer({ source, clock, send, pathOf: ({ pathname }) => pathname })
}

function ownFetch(input: Input, init: SecureInit = {}): Promise<Response> {
  // What else fetch takes as a body is the caller's business, and the runtime's.
  const plain = init as RequestInit
  return input instanceof Request ? fetch(input, plain) : runtimeFetch(String(input), plain)
}
