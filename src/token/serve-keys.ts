import type { IssuingKeys } from './issuing-keys.ts'

/** For how long whoever fetched the keys goes on with them: a key is published that long before it signs. */
const MAX_AGE_SECONDS = 300

/** Answers a request for the public keys of an issuer (RFC 7517 §8.5.2, RFC 9110 §13.1.2). */
export function serveKeys({ text, etag }: IssuingKeys, { method, headers }: Request): Response {
  if (method !== 'GET' && method !== 'HEAD') return new Response(null, { status: 405, headers: { allow: 'GET, HEAD' } })
  const validity = { etag, 'cache-control': `public, max-age=${MAX_AGE_SECONDS}` }
  if (isSame(headers.get('if-none-match'), etag)) return new Response(null, { status: 304, headers: validity })
  const about = { ...validity, 'content-type': 'application/jwk-set+json' }
  return new Response(method === 'HEAD' ? null : text, { headers: about })
}

/** Whether the asker has this version: it names versions it has, `W/` before them or not. */
function isSame(field: string | null, etag: string): boolean {
  const named = (field ?? '').split(',').map((one) => one.trim().replace(/^W\//, ''))
  return named.includes(etag) || named.includes('*')
}
