import { compileCaller } from '../identity/match.ts'

interface Node {
  readonly below: Map<string, Node>
  /** The number of the identifier that ends here. */
  exact?: number
  /** The number of the pattern that ends here in `/*`. */
  one?: number
  /** The number of the pattern that ends here in `/**`. */
  more?: number
}

/**
 * Finds the patterns of callers that cover an identifier, each by a number, by walking down its segments: the cost
 * depends on the length of the identifier, not on how many patterns there are.
 */
export class CallerIndex {
  readonly #root: Node = { below: new Map() }
  readonly #numbers = new Map<string, number>()

  /** The number of a pattern; a new one gets the next. */
  add(pattern: string): number {
    const known = this.#numbers.get(pattern)
    if (known !== undefined) return known
    // The patterns are its language; this throws for all that are not of it, and the walk relies on that.
    compileCaller(pattern)
    const number = this.#numbers.size
    this.#numbers.set(pattern, number)
    const segments = pattern.split('/')
    const stars = pattern.endsWith('/**') ? 'more' : pattern.endsWith('/*') ? 'one' : 'exact'
    if (stars !== 'exact') segments.pop()
    let node = this.#root
    for (const segment of segments) {
      const next = node.below.get(segment) ?? { below: new Map() }
      node.below.set(segment, next)
      node = next
    }
    node[stars] = number
    return number
  }

  /** The numbers of all patterns that cover an identifier, in no order. */
  covering(id: string): number[] {
    const segments = id.split('/')
    const last = segments.length - 1
    const lastEmpty = segments.lastIndexOf('')
    const found: number[] = []
    let node: Node | undefined = this.#root
    for (let i = 0; i <= last; i++) {
      // An asterisk stands for segments that are not empty.
      if (i > lastEmpty && node.more !== undefined) found.push(node.more)
      if (i === last && i > lastEmpty && node.one !== undefined) found.push(node.one)
      node = node.below.get(segments[i] as string)
      if (node === undefined) return found
    }
    if (node.exact !== undefined) found.push(node.exact)
    return found
  }
}
