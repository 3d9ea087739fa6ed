import { certificateInvalid } from './certificate-refusal.ts'
import { DerReader, onlyElement, SEQUENCE } from './der.ts'

/** One name or part of the name space: the kind (the tag of RFC 5280 §4.2.1.6) and, of URIs and DNS names, the host. */
interface Subtree {
  readonly kind: number
  readonly host: string
}

/** Which names a CA may give (RFC 5280 §4.2.1.10). */
export interface NameConstraints {
  readonly permitted: readonly Subtree[]
  readonly excluded: readonly Subtree[]
}

/** The names in a certificate, as far as constraints on them are understood. */
export interface ConstrainedNames {
  readonly uriHosts: readonly string[]
  readonly dnsNames: readonly string[]
  readonly hasAddresses: boolean
}

const PERMITTED = 0xa0
const EXCLUDED = 0xa1
const DNS_NAME = 0x82
const URI_NAME = 0x86
const ADDRESS = 0x87
const MAX_SUBTREES = 32
const MAX_HOST = 255
const LABELS = '[a-z0-9_-]+(?:\\.[a-z0-9_-]+)*'
/** A host, or all hosts below a domain. */
const URI_CONSTRAINT = new RegExp(`^\\.?${LABELS}$`)
const DNS_CONSTRAINT = new RegExp(`^${LABELS}$`)

function readSubtree(list: DerReader): Subtree {
  const reader = list.inside(SEQUENCE)
  const { tag: kind, content } = reader.any()
  // Condition: a name constraint with bounds on its depth is refused.
  if (!reader.isAtEnd) throw certificateInvalid('name-constraints')
  if (kind === ADDRESS) return { kind, host: '' }
  // Condition: a name constraint on another kind of name than URIs, DNS names and addresses is refused.
  if (kind !== URI_NAME && kind !== DNS_NAME) throw certificateInvalid('name-constraints')
  const host = content.length > MAX_HOST ? '' : String.fromCharCode(...content).toLowerCase()
  // Condition: a name constraint that is not the name of a host or domain is refused.
  if (!(kind === URI_NAME ? URI_CONSTRAINT : DNS_CONSTRAINT).test(host)) throw certificateInvalid('name-constraints')
  return { kind, host }
}

function readSubtrees(reader: DerReader, tag: number): readonly Subtree[] {
  if (!reader.isNext(tag)) return []
  const list = reader.inside(tag)
  const subtrees: Subtree[] = []
  while (!list.isAtEnd) subtrees.push(readSubtree(list))
  // Condition: a list of name constraints that is empty, or longer than 32, is refused.
  if (subtrees.length === 0 || subtrees.length > MAX_SUBTREES) throw certificateInvalid('name-constraints')
  return subtrees
}

/** Reads the constraints of a CA; those that are not understood refuse its certificate. */
export function readNameConstraints(value: Uint8Array): NameConstraints {
  const reader = new DerReader(onlyElement(value, SEQUENCE).content)
  const constraints = { permitted: readSubtrees(reader, PERMITTED), excluded: readSubtrees(reader, EXCLUDED) }
  reader.end()
  return constraints
}

/** A URI's host is the one that is named, or below the domain that is (`.acme.internal`). */
function coversUri(host: string, name: string): boolean {
  return host.startsWith('.') ? name.length > host.length && name.endsWith(host) : name === host
}

/** A DNS name is the one that is named, or below it. */
function coversDns(host: string, name: string): boolean {
  return name === host || name.endsWith(`.${host}`)
}

function areWithin(names: readonly string[], kind: number, { permitted, excluded }: NameConstraints): boolean {
  const covers = kind === URI_NAME ? coversUri : coversDns
  const allowed = permitted.filter((one) => one.kind === kind)
  const denied = excluded.filter((one) => one.kind === kind)
  return names.every((name) => {
    const isIn = ({ host }: Subtree) => covers(host, name)
    return (allowed.length === 0 || allowed.some(isIn)) && !denied.some(isIn)
  })
}

/** Whether all names of a certificate are among those that a CA above it may give. */
export function areNamesWithin(names: ConstrainedNames, constraints: NameConstraints): boolean {
  const dnsNames = names.dnsNames.map((name) => name.toLowerCase())
  // Addresses are not compared: a CA that is bound in them gives none.
  const boundsAddresses = [...constraints.permitted, ...constraints.excluded].some(({ kind }) => kind === ADDRESS)
  if (names.hasAddresses && boundsAddresses) return false
  return areWithin(names.uriHosts, URI_NAME, constraints) && areWithin(dnsNames, DNS_NAME, constraints)
}
