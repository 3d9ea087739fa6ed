import { CountersignError } from '../core/errors.ts'

/** A workload identifier that was parsed: an absolute URI whose authority is the trust domain. */
export interface WorkloadId {
  /** The whole identifier, as it was written. It is what is compared and authorized. */
  readonly id: string
  readonly scheme: string
  readonly trustDomain: string
  readonly path: string
  /** Scheme and trust domain: what trust anchors are chosen by. */
  readonly origin: string
}

const MAX_LENGTH = 2048
const MAX_TRUST_DOMAIN = 255
const PRINTABLE = /^[\x21-\x7e]+$/
const PARTS = /^([^:/]*):\/\/([^/]*)(.*)$/
const SCHEME = /^[a-z][a-z0-9+.-]*$/
const TRUST_DOMAIN = /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/
/** A last label that is a number makes the whole an IPv4 address to URL parsers (WHATWG URL, "ends in a number"). */
const ENDS_IN_NUMBER = /(?:^|\.)(?:[0-9]+|0x[0-9a-f]*)$/
const SPIFFE_PATH = /^(?:\/[A-Za-z0-9._-]+)+$/
const URI_PATH = /^(?:\/(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})*)*$/

/** The parsed identifier, or what is wrong with it. It splits by hand: `URL` would rewrite dots, ports and case. */
function examine(id: string): WorkloadId | string {
  // Condition: an identifier longer than 2048 characters is refused.
  if (id.length > MAX_LENGTH) return 'it is longer than 2048 characters'
  // Condition: an identifier with anything but printable ASCII is refused.
  if (!PRINTABLE.test(id)) return 'it has characters that are not printable ASCII'
  // Condition: an identifier with a query or a fragment is refused.
  if (/[?#]/.test(id)) return 'it has a query or a fragment'
  const [, scheme = '', trustDomain = '', path = ''] = PARTS.exec(id) ?? []
  // Condition: an identifier that does not begin with a lower-case scheme is refused.
  if (!SCHEME.test(scheme)) return 'it does not begin with a scheme in lower case, as in spiffe://'
  const fault = trustDomainFault(trustDomain) ?? pathFault(scheme, path)
  return fault ?? Object.freeze({ id, scheme, trustDomain, path, origin: `${scheme}://${trustDomain}` })
}

function trustDomainFault(name: string): string | undefined {
  // Condition: an identifier without a trust domain is refused.
  if (name === '') return 'it has no trust domain'
  // Condition: an identifier with user information or a port is refused.
  if (/[@:]/.test(name)) return 'its trust domain has user information or a port'
  // Condition: a trust domain longer than 255 characters is refused.
  if (name.length > MAX_TRUST_DOMAIN) return 'its trust domain is longer than 255 characters'
  // Condition: a trust domain that is not labels of a-z, 0-9, hyphen and underscore is refused.
  if (!TRUST_DOMAIN.test(name)) return 'its trust domain is not made of labels of a-z, 0-9, "-" and "_"'
  // Condition: an IP address as trust domain is refused.
  if (ENDS_IN_NUMBER.test(name)) return 'its trust domain is an IP address'
  return undefined
}

function pathFault(scheme: string, path: string): string | undefined {
  // Condition: a SPIFFE identifier without a path is refused.
  if (scheme === 'spiffe' && (path === '' || path === '/')) return 'it has no path'
  // Condition: a path that is not what its scheme allows is refused.
  if (!(scheme === 'spiffe' ? SPIFFE_PATH : URI_PATH).test(path)) return 'its path has characters that are not allowed'
  // Condition: an identifier with a dot segment is refused.
  if (/\/\.\.?(?:\/|$)/.test(path)) return 'its path has a dot segment'
  return undefined
}

/** Parses what came over the wire: undefined where it is not an identifier. */
export function readWorkloadId(id: string): WorkloadId | undefined {
  const found = examine(id)
  return typeof found === 'string' ? undefined : found
}

/**
 * Parses a workload identifier: `scheme://trust-domain/path`, at most 2048 printable ASCII characters, without
 * query, fragment, user information or port; a trust domain in lower case that is no IP address; and under `spiffe`
 * a path of plain segments. It proves the spelling, not that anybody may use the name: only a verified proof does.
 *
 * @param id the identifier; it is kept as written, since identifiers are compared as whole strings
 * @throws `option-invalid` naming what is wrong
 * @example
 * parseWorkloadId('spiffe://acme.internal/orders').trustDomain // 'acme.internal'
 * @see draft-ietf-wimse-identifier §4, SPIFFE-ID §2
 */
export function parseWorkloadId(id: string): WorkloadId {
  const found = typeof id === 'string' ? examine(id) : 'it is not a string'
  if (typeof found !== 'string') return found
  throw new CountersignError('option-invalid', { detail: { option: 'workload identifier', fix: found } })
}
