import type { Report } from '../core/notice.ts'
import { parseBundle, type TrustBundle } from './bundle.ts'
import { mergeBundles } from './merge.ts'
import { asTrustError } from './trust-error.ts'
import type { TrustSource } from './trust-source.ts'

/**
 * Joins what several sources give, each time anew. Of a source whose newest version cannot be used, alone or beside the
 * others, the last one that could stays, and the trail says so: whoever breaks one source must not hold back what another
 * revokes.
 */
export class KeptMerge {
  readonly #sources: readonly TrustSource[]
  readonly #report: Report
  #kept: readonly TrustBundle[] | undefined

  constructor(sources: readonly TrustSource[], report: Report) {
    this.#sources = sources
    this.#report = report
  }

  async load(): Promise<TrustBundle> {
    const newest = await Promise.all(this.#sources.map((source, index) => this.#newest(source, index)))
    this.#kept = this.#kept === undefined ? newest : this.#joinable(this.#kept, newest)
    return mergeBundles(this.#kept)
  }

  async #newest(source: TrustSource, index: number): Promise<TrustBundle> {
    try {
      return parseBundle(await source.load())
    } catch (error) {
      const kept = this.#kept?.[index]
      if (kept === undefined) throw error
      // Condition: a source that breaks leaves the others as they are.
      this.#reject(error)
      return kept
    }
  }

  /** As many of the newest versions as can stand beside each other: one that makes room may come after one that needs it. */
  #joinable(kept: readonly TrustBundle[], newest: readonly TrustBundle[]): readonly TrustBundle[] {
    if (conflictIn(newest) === undefined) return newest
    const joined = [...kept]
    let waiting = newest.map((_, index) => index)
    for (let before = -1; waiting.length !== before; ) {
      before = waiting.length
      waiting = waiting.filter((index) => {
        const trial = joined.with(index, newest[index] as TrustBundle)
        if (conflictIn(trial) !== undefined) return true
        joined[index] = newest[index] as TrustBundle
        return false
      })
    }
    // Condition: a source that comes to speak for what is another’s keeps its last version alone.
    for (const index of waiting) this.#reject(conflictIn(joined.with(index, newest[index] as TrustBundle)))
    return joined
  }

  #reject(error: unknown): void {
    this.#report('trust.rejected', asTrustError(error).detail)
  }
}

function conflictIn(bundles: readonly TrustBundle[]): unknown {
  try {
    mergeBundles(bundles)
    return undefined
  } catch (error) {
    return error
  }
}
