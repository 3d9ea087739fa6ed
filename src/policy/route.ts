import { parseTarget } from '../core/canonical.ts'
import { CountersignError, isCountersignError } from '../core/errors.ts'

/** A pattern of routes, read from `METHOD /path/:name/*`. */
export interface Route {
  /** A method in upper case, or `*`. */
  readonly method: string
  /** Segments as they are written; null stands for any one that is not empty. */
  readonly segments: readonly (string | null)[]
  /** Whether the path goes on after the segments: a final `*`. */
  readonly isPrefix: boolean
}

const METHOD = /^(?:\*|[A-Z][A-Z0-9-]*)$/
const PARAMETER = /^:[A-Za-z_][A-Za-z0-9_]*$/

function wrong(fix: string): CountersignError {
  return new CountersignError('policy-invalid', { detail: { fix } })
}

/** Reads a pattern of routes; the error says what to write instead. */
export function parseRoute(pattern: string): Route {
  const space = pattern.indexOf(' ')
  const method = pattern.slice(0, Math.max(space, 0))
  // Condition: a route whose method is neither an asterisk nor in upper case is refused.
  if (!METHOD.test(method))
    throw wrong('write a method in upper case or "*", a space, and the path: "POST /charges/:id"')
  // Condition: a route for HEAD is refused.
  if (method === 'HEAD') throw wrong('write GET: HEAD is decided as GET')
  const path = pattern.slice(space + 1)
  checkPath(path)
  const segments = path.slice(1).split('/')
  const isPrefix = segments.at(-1) === '*'
  if (isPrefix) segments.pop()
  return Object.freeze({ method, segments: Object.freeze(segments.map(readSegment)), isPrefix })
}

function checkPath(path: string): void {
  // Condition: a route with a query is refused.
  if (path.includes('?')) throw wrong('leave the query out: rules match the path')
  try {
    parseTarget(path)
  } catch (error) {
    // Condition: a route whose path no call can have is refused.
    if (!isCountersignError(error)) throw error
    throw wrong(`write the path as it is signed, from the first slash, in its one spelling (${error.detail.step})`)
  }
}

function readSegment(segment: string): string | null {
  // Condition: a route with an asterisk anywhere but in a last segment of its own is refused.
  if (segment.includes('*')) throw wrong('an asterisk may only stand alone, as the last segment of a path')
  if (!segment.startsWith(':')) return segment
  // Condition: a route with a colon that names no parameter is refused.
  if (!PARAMETER.test(segment)) throw wrong('write a parameter as in "/charges/:id"')
  return null
}
