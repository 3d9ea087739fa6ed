import { CountersignError } from './errors.ts'

/** A request target with exactly one spelling: what is signed, matched by policies and written down. */
export interface CanonicalTarget {
  readonly target: string
  readonly path: string
  /** Without the question mark; undefined where there is none. */
  readonly query: string | undefined
}

/** What most paths look like: unreserved characters alone, no segment that is empty or begins with a dot. */
const PLAIN = /^(?:\/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+$/
const PRINTABLE = /^[\x21-\x7e]+$/
const UNRESERVED = /^[A-Za-z0-9._~-]$/
const ENCODED = /%([0-9A-Fa-f]{2})?/g
/** Some clients escape these and some do not: raw they would be a second spelling. */
const ESCAPED_BY_CLIENTS = /["<>^`{}|]/
const MAX_TARGET = 8192

function notCanonical(step: string): CountersignError {
  return new CountersignError('target-not-canonical', { detail: { step } })
}

/**
 * Reads an origin-form request target and refuses every spelling but one. It guesses nothing: what two programs on
 * the way could read differently does not pass.
 */
export function parseTarget(target: string): CanonicalTarget {
  const plain = plainTarget(target)
  if (plain !== undefined) return plain
  // Condition: a target that is not origin-form printable ASCII is refused.
  if (target.length > MAX_TARGET || !target.startsWith('/') || !PRINTABLE.test(target)) throw notCanonical('form')
  // Condition: a target with a fragment or a backslash is refused.
  if (target.includes('#') || target.includes('\\')) throw notCanonical('character')
  const mark = target.indexOf('?')
  const path = mark === -1 ? target : target.slice(0, mark)
  checkPath(path)
  return { target, path, query: mark === -1 ? undefined : target.slice(mark + 1) }
}

/** Reads a target that has one spelling at first sight: none of what is refused elsewhere can be in it. */
export function plainTarget(target: string): CanonicalTarget | undefined {
  return target.length <= MAX_TARGET && PLAIN.test(target) ? { target, path: target, query: undefined } : undefined
}

function checkPath(path: string): void {
  if (path === '/') return
  // Condition: a path with a raw character that clients escape is refused.
  if (ESCAPED_BY_CLIENTS.test(path)) throw notCanonical('raw character')
  const segments = path.slice(1).split('/')
  segments.forEach((segment, i) => {
    // Condition: a path with an empty segment before its end is refused.
    if (segment === '' && i < segments.length - 1) throw notCanonical('empty segment')
    // Condition: a path with a dot segment is refused.
    if (segment === '.' || segment === '..') throw notCanonical('dot segment')
  })
  for (const match of path.matchAll(ENCODED)) checkEscape(path, match.index, match[1])
}

function checkEscape(path: string, at: number, digits: string | undefined): void {
  // Condition: a path with a percent sign that escapes nothing is refused.
  if (digits === undefined) throw notCanonical('percent')
  // Condition: a path with an escape in lower case is refused.
  if (digits !== digits.toUpperCase()) throw notCanonical('escape case')
  const character = String.fromCharCode(Number.parseInt(digits, 16))
  // Condition: a path that escapes an unreserved character is refused.
  if (UNRESERVED.test(character)) throw notCanonical('escaped unreserved')
  // Condition: a path that escapes a slash, a backslash or a control character is refused.
  if (character === '/' || character === '\\' || character < ' ' || character === '\x7f')
    throw notCanonical('escaped delimiter')
  // Condition: a path that is encoded twice is refused.
  if (character === '%' && /^[0-9A-Fa-f]{2}/.test(path.slice(at + 3))) throw notCanonical('double encoding')
}

/** Whether a path lies at or below a base, which covers it at a segment boundary only; the empty base covers all. */
export function isAtOrBelow(basePath: string, path: string): boolean {
  return basePath === '' || path === basePath || path.startsWith(`${basePath}/`)
}

/** Brings the path of a URL this process calls into its one spelling where that does not change its meaning. */
export function targetOf(url: URL): CanonicalTarget {
  if (url.search === '' && PLAIN.test(url.pathname)) return parseTarget(url.pathname)
  const path = url.pathname.replace(/[\^|]/g, encodeURIComponent).replace(/%[0-9A-Fa-f]{2}/g, (triplet) => {
    const character = String.fromCharCode(Number.parseInt(triplet.slice(1), 16))
    return UNRESERVED.test(character) ? character : triplet.toUpperCase()
  })
  return parseTarget(path + url.search)
}
