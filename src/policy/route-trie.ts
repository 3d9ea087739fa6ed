import type { Route } from './route.ts'
import type { CompiledRule } from './rule.ts'

/** A rule at the end of a path, for one method or `*`. */
interface Entry {
  readonly method: string
  readonly rule: CompiledRule
}

/** What ends at one place, by the number of a caller pattern. */
type Place = Map<number, Entry[]>

/** A place in the tree; it has only what it needs, so that twenty thousand of them stay close together in memory. */
interface Node {
  literals?: Map<string, Node>
  parameter?: Node
  /** Rules whose path ends here. */
  ends?: Place
  /** Rules whose path goes on from here: a final asterisk. */
  rest?: Place
}

/** How paths are compared: letter by letter, or by what a lenient router may take for the same. */
export type Comparison = 'exact' | 'lenient'

/** What rules are sought for. */
export interface Sought {
  readonly method: string
  /** Those of the path in its canonical spelling. */
  readonly segments: readonly string[]
  /** Numbers of caller patterns. */
  readonly callers: readonly number[]
}

/** The segments of a canonical path. */
export function splitPath(path: string): readonly string[] {
  return path.slice(1).split('/')
}

/**
 * The segments as they are compared. Leniently, case, a trailing slash and escapes make no difference: two paths that a
 * router could send to one handler then have the same ones.
 */
function comparable(segments: readonly string[], comparison: Comparison): readonly string[] {
  if (comparison === 'exact') return segments
  // Condition: a deny also matches a path in another case, with a trailing slash more or less, or escaped otherwise.
  const plain = segments.map(folded)
  if (plain.at(-1) === '') plain.pop()
  return plain
}

function folded(segment: string): string {
  return unescaped(segment).toLowerCase()
}

function unescaped(segment: string): string {
  if (!segment.includes('%')) return segment
  try {
    return decodeURIComponent(segment)
  } catch {
    // Not UTF-8: what a router makes of it nobody knows, so it stays as it is.
    return segment
  }
}

/**
 * Rules by route, as a tree of segments. A search looks at one literal child and one parameter child a segment and
 * stops where the path or the tree ends: its cost depends on the path and on rules that overlap there, not on how many
 * rules there are.
 */
export class RouteTrie {
  readonly #comparison: Comparison
  readonly #root: Node = {}
  #size = 0

  constructor(comparison: Comparison) {
    this.#comparison = comparison
  }

  get isEmpty(): boolean {
    return this.#size === 0
  }

  add(route: Route, caller: number, rule: CompiledRule): void {
    let node = this.#root
    for (const segment of this.#compared(route)) node = childOf(node, segment)
    const end = route.isPrefix ? 'rest' : 'ends'
    const place = node[end] ?? new Map<number, Entry[]>()
    node[end] = place
    const entries = place.get(caller) ?? []
    place.set(caller, entries)
    entries.push({ method: route.method, rule })
    this.#size++
  }

  /** Calls back with each rule for one of these callers whose route matches. */
  forEachMatch(sought: Sought, visit: (rule: CompiledRule) => void): void {
    const { method, callers } = sought
    const segments = comparable(sought.segments, this.#comparison)
    walk(this.#root, 0, { segments, isLenient: this.#comparison === 'lenient', method, callers, visit })
  }

  /** The segments of a pattern as they are compared; a parameter stays what it is. */
  #compared({ segments }: Route): readonly (string | null)[] {
    if (this.#comparison === 'exact') return segments
    const plain = segments.map((segment) => (segment === null ? null : folded(segment)))
    if (plain.at(-1) === '') plain.pop()
    return plain
  }
}

interface Search extends Sought {
  readonly isLenient: boolean
  visit(rule: CompiledRule): void
}

function walk(node: Node, depth: number, search: Search): void {
  const segment = search.segments[depth]
  if (segment === undefined) {
    visitPlace(node.ends, search)
    // `/a/*` is `/a/`, and leniently that is `/a`.
    if (search.isLenient) visitPlace(node.rest, search)
    return
  }
  visitPlace(node.rest, search)
  const literal = node.literals?.get(segment)
  if (literal !== undefined) walk(literal, depth + 1, search)
  // Condition: a parameter never stands for an empty segment.
  if (node.parameter !== undefined && segment !== '') walk(node.parameter, depth + 1, search)
}

function visitPlace(place: Place | undefined, { callers, method, visit }: Search): void {
  if (place === undefined) return
  for (const caller of callers) {
    const entries = place.get(caller)
    if (entries === undefined) continue
    for (const entry of entries) if (entry.method === '*' || entry.method === method) visit(entry.rule)
  }
}

function childOf(node: Node, segment: string | null): Node {
  if (segment === null) {
    node.parameter ??= {}
    return node.parameter
  }
  node.literals ??= new Map()
  const child = node.literals.get(segment) ?? {}
  node.literals.set(segment, child)
  return child
}
