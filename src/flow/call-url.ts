import { type CanonicalTarget, plainTarget, targetOf } from '../core/canonical.ts'
import { CountersignError } from '../core/errors.ts'

/** What is used of the URL of a call. */
export interface CallUrl {
  readonly href: string
  readonly origin: string
  readonly protocol: string
  readonly hostname: string
}

/** A URL and the one spelling of the target it asks for. */
export interface Located {
  readonly url: CallUrl
  readonly target: CanonicalTarget
}

/** As many as there may be sessions, and some: a fleet's peers are all among them. */
const MAX_ORIGINS = 16_384
/** Origins in their one spelling: most calls go to one of these and a plain path, which a URL would leave as they are. */
const origins = new Map<string, CallUrl>()

/** Reads where a call goes. */
export function locate(input: string | URL, baseUrl: string | undefined): Located {
  const known = typeof input === 'string' ? locatePlain(input, baseUrl) : undefined
  return known ?? locateUrl(toUrl(input, baseUrl))
}

/** The same of a URL that was parsed. */
export function locateUrl(parsed: URL): Located {
  const { href, origin, protocol, hostname } = parsed
  // Condition: a call to another scheme than http and https, or with credentials in its URL, is refused.
  if (!/^https?:$/.test(protocol) || parsed.username !== '' || parsed.password !== '') {
    throw new CountersignError('option-invalid', {
      detail: { option: 'url', fix: 'give an http or https URL without credentials' },
    })
  }
  const target = targetOf(parsed)
  if (origins.size < MAX_ORIGINS) origins.set(origin, { href: origin, origin, protocol, hostname })
  return { url: { href, origin, protocol, hostname }, target }
}

function locatePlain(input: string, baseUrl: string | undefined): Located | undefined {
  const start = input.startsWith('/') ? 0 : input.indexOf('/', input.indexOf('//') + 2)
  const at = start === 0 ? baseUrl : input.slice(0, start)
  const known = at === undefined ? undefined : origins.get(at)
  const target = known === undefined ? undefined : plainTarget(input.slice(start))
  if (known === undefined || target === undefined) return undefined
  const { origin, protocol, hostname } = known
  return { url: { href: origin + target.target, origin, protocol, hostname }, target }
}

function toUrl(input: string | URL, baseUrl: string | undefined): URL {
  try {
    return new URL(input, baseUrl)
  } catch {
    throw new CountersignError('option-invalid', {
      detail: { option: 'url', fix: 'give an absolute URL, or a client with a baseUrl' },
    })
  }
}
