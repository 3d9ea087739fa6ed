import { type Case, type Expectation, foldedName, MARK } from './case.ts'
import type { Outcome } from './world.ts'

/** What a request to which nothing was added shows of names: those of proofs, of the client and of HTTP. */
export interface Usual {
  readonly handler: ReadonlySet<string>
  readonly upstream: ReadonlySet<string>
}

const foldedNames = (views: readonly { readonly names: readonly string[] }[]) =>
  new Set(views.flatMap(({ names }) => names.map(foldedName)))

export function usualOf({ seen, upstream }: Outcome): Usual {
  return { handler: foldedNames(seen), upstream: foldedNames(upstream) }
}

function found(views: Outcome['upstream'], one: Case, usual: ReadonlySet<string>, marks: boolean): string | undefined {
  const visible = foldedNames(views)
  const name = one.names.find((each) => visible.has(each) && !usual.has(each) && !(each in one.covered))
  if (name !== undefined) return `a field named ${name}`
  const mark = marks ? MARK.exec(JSON.stringify(views)) : null
  return mark === null ? undefined : `the value ${mark[0]}`
}

const shows = (seen: Outcome['seen'], value: string) => JSON.stringify(seen).includes(`"${value}"`)

const NOBODY = 'anonymous'

/** Gives what is wrong with an outcome, if anything is. `who`: whom the handler has to take the caller for. */
export function judge(
  one: Case,
  { status, seen, upstream }: Outcome,
  { expects, usual, who }: { expects: Expectation; usual: Usual; who: RegExp },
): string | undefined {
  const onward = found(upstream, one, usual.upstream, true)
  if (onward !== undefined) return `the upstream sees ${onward}`
  const stranger = seen.find(({ peer }) => !who.test(peer))
  if (stranger !== undefined) return `the caller is taken for ${stranger.peer}`
  const trace = found(seen, one, usual.handler, !expects.endsWith('unnamed'))
  if (expects === 'kept')
    return trace === undefined || !MARK.test(JSON.stringify(seen)) ? `it is gone (${status})` : undefined
  if (trace !== undefined) return `the handler sees ${trace}`
  if (seen.length > 1) return 'the handler ran twice'
  if (expects === 'dropped' && (seen.length !== 1 || status !== 200)) return `refused (${status}), not dropped`
  const lost = who.test(NOBODY) ? undefined : Object.values(one.covered).find((each) => !shows(seen, each))
  if (seen.length > 0 && lost !== undefined) return `what was covered is gone: ${lost}`
  if (expects === 'refused' && seen.length !== 0) return 'dropped, not refused'
  return undefined
}
