import { CountersignError } from '../core/errors.ts'
import { readWorkloadId } from './workload-id.ts'

const ANONYMOUS = 'anonymous'
const WILDCARD = /^([a-z][a-z0-9+.-]*:\/\/[^/*]+(?:\/[^/*]+)*)\/(\*\*?)$/
const PRINTABLE = /^[\x21-\x7e]+$/
const WORKLOAD = /^(?:spiffe|wimse):/i
const MAX_LENGTH = 2048

function patternInvalid(fix: string): CountersignError {
  return new CountersignError('option-invalid', { detail: { option: 'caller pattern', fix } })
}

function isOneSegment(rest: string): boolean {
  return rest !== '' && !rest.includes('/')
}

function isSegments(rest: string): boolean {
  return rest !== '' && rest.split('/').every((segment) => segment !== '')
}

/** Compiles a pattern of callers into a test of identifiers. */
export function compileCaller(pattern: string): (id: string) => boolean {
  // Condition: a caller pattern that is empty, too long or not printable ASCII is refused.
  if (typeof pattern !== 'string' || pattern.length > MAX_LENGTH || !PRINTABLE.test(pattern)) {
    throw patternInvalid('write an identifier, optionally ending in "/*" or "/**", or "anonymous"')
  }
  const [, base, stars] = WILDCARD.exec(pattern) ?? []
  // Condition: a caller pattern with an asterisk anywhere but in a last segment of its own is refused.
  if (base === undefined && pattern.includes('*')) {
    throw patternInvalid('an asterisk may only stand as "/*" or "/**" at the end of scheme://trust-domain/…')
  }
  // Condition: a caller pattern that no workload identifier can match is refused.
  if (WORKLOAD.test(pattern) && readWorkloadId(base === undefined ? pattern : `${base}/x`) === undefined) {
    throw patternInvalid('it is not a workload identifier as in spiffe://acme.internal/orders')
  }
  if (base === undefined) return (id) => id === pattern
  const prefix = `${base}/`
  const covers = stars === '*' ? isOneSegment : isSegments
  // Condition: no pattern but "anonymous" itself matches an anonymous caller.
  return (id) => id !== ANONYMOUS && id.startsWith(prefix) && covers(id.slice(prefix.length))
}

/**
 * Tells whether a caller's identifier is one that a pattern means: the identifier itself;
 * `spiffe://acme.internal/*`, where the asterisk is exactly one segment; `spiffe://acme.internal/**`, one or more;
 * or `anonymous`, who proved nothing and whom no other pattern covers. It is the language of `from` in policies. It
 * compares strings; that the caller is who the identifier says must have been proven before.
 *
 * @param pattern the pattern
 * @param id the identifier of a caller, as in `Peer.id`
 * @throws `option-invalid` where an asterisk stands elsewhere, or no identifier can match
 * @example
 * matchesCaller('spiffe://acme.internal/*', 'spiffe://acme.internal/orders') // true
 */
export function matchesCaller(pattern: string, id: string): boolean {
  return compileCaller(pattern)(id)
}
