import type { Route } from './route.ts'
import type { CompiledRule } from './rule.ts'

/** Rules by the number of a caller pattern, by method. */
type Place = Map<string, Map<number, CompiledRule[]>>

interface Node {
  readonly literals: Map<string, Node>
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
  readonly path: string
  /** Numbers of caller patterns. */
  readonly callers: readonly number[]
}

/**
 * Takes a path apart. Leniently, case, a trailing slash and escapes make no difference: two paths that a router could
 * send to one handler then have the same segments.
 */
function segmentsOf(path: string, comparison: Comparison): string[] {
  const segments = path.slice(1).split('/')
  return comparison === 'exact' ? segments : lenient(segments)
}

function lenient(segments: readonly string[]): string[] {
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
  readonly #root: Node = { literals: new Map() }
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
    const place = node[end] ?? new Map<string, Map<number, CompiledRule[]>>()
    node[end] = place
    const byCaller = place.get(route.method) ?? new Map<number, CompiledRule[]>()
    place.set(route.method, byCaller)
    const rules = byCaller.get(caller) ?? []
    byCaller.set(caller, rules)
    if (rules.at(-1) !== rule) rules.push(rule)
    this.#size++
  }

  /** Calls back with each rule for one of these callers whose route matches. */
  forEachMatch({ method, path, callers }: Sought, visit: (rule: CompiledRule) => void): void {
    const segments = segmentsOf(path, this.#comparison)
    const isLenient = this.#comparison === 'lenient'
    const enter = (place: Place | undefined) => {
      if (place === undefined) return
      visitRules(place.get(method), callers, visit)
      visitRules(place.get('*'), callers, visit)
    }
    const walk = (node: Node, depth: number) => {
      const segment = segments[depth]
      if (segment === undefined) {
        enter(node.ends)
        // `/a/*` is `/a/`, and leniently that is `/a`.
        if (isLenient) enter(node.rest)
        return
      }
      enter(node.rest)
      const literal = node.literals.get(segment)
      if (literal !== undefined) walk(literal, depth + 1)
      // Condition: a parameter never stands for an empty segment.
      if (node.parameter !== undefined && segment !== '') walk(node.parameter, depth + 1)
    }
    walk(this.#root, 0)
  }

  /** The segments of a pattern as they are compared; a parameter stays what it is. */
  #compared({ segments, isPrefix }: Route): readonly (string | null)[] {
    if (this.#comparison === 'exact') return segments
    const plain = segments.map((segment) => (segment === null ? null : folded(segment)))
    if (!isPrefix && plain.at(-1) === '') plain.pop()
    return plain
  }
}

function childOf(node: Node, segment: string | null): Node {
  if (segment === null) {
    node.parameter ??= { literals: new Map() }
    return node.parameter
  }
  const child = node.literals.get(segment) ?? { literals: new Map() }
  node.literals.set(segment, child)
  return child
}

function visitRules(
  byCaller: Map<number, CompiledRule[]> | undefined,
  callers: readonly number[],
  visit: (rule: CompiledRule) => void,
): void {
  if (byCaller === undefined) return
  for (const caller of callers) byCaller.get(caller)?.forEach(visit)
}
