import { CountersignError, isCountersignError } from '../core/errors.ts'
import type { Report } from '../core/notice.ts'
import { parseBundle } from './bundle.ts'
import type { TrustSource } from './source.ts'
import { compileTrust, type Trust } from './trust.ts'

/** Holds the version of the trust bundle that counts now. */
export interface TrustHolder {
  current(): Trust
  /** Loads anew. It does not reject: an invalid version is reported, and the one before stays. */
  reload(): Promise<void>
  close(): void
}

interface Version {
  readonly trust: Trust
  /** What the version was made from: the same text again is no change. */
  readonly text: string
}

async function loadVersion(source: TrustSource, before: Version | undefined): Promise<Version> {
  const bundle = parseBundle(await source.load())
  const text = JSON.stringify(bundle)
  if (before?.text === text) return before
  return { trust: await compileTrust(bundle, (before?.trust.generation ?? 0) + 1), text }
}

/** A source of the user's own may throw anything. */
function asTrustError(error: unknown): CountersignError {
  if (isCountersignError(error)) return error
  const detail = { option: 'trust', fix: 'the source failed to give a bundle' }
  return new CountersignError('trust-invalid', { cause: error, detail })
}

/**
 * Runs one after the other, in order: no run that began earlier can end later and put an older version in place. Who
 * asks while a run is still waiting to begin shares it.
 */
function oneAtATime(run: () => Promise<void>): () => Promise<void> {
  let last: Promise<void> = Promise.resolve()
  let waiting = false
  return () => {
    if (waiting) return last
    waiting = true
    last = last.then(() => {
      waiting = false
      return run()
    })
    return last
  }
}

/**
 * Loads the bundle, throws `trust-invalid` where it cannot be used, and from then on follows its source: a valid new
 * version takes the place of the old one as a whole, an invalid one leaves it.
 */
export async function createTrustHolder(source: TrustSource, report: Report): Promise<TrustHolder> {
  let closed = false
  const reload = oneAtATime(async () => {
    if (closed) return
    try {
      const next = await loadVersion(source, version)
      if (closed || next === version) return
      version = next
      report('trust.changed')
    } catch (error) {
      // Condition: an invalid new trust bundle leaves the one before in place.
      if (!closed) report('trust.rejected', asTrustError(error).detail)
    }
  })

  // Watching begins before the first load, so that no change falls between the two.
  let early = false
  let started = false
  const watch = source.watch?.(() => {
    if (started) void reload()
    else early = true
  })
  let version: Version
  try {
    version = await loadVersion(source, undefined)
  } catch (error) {
    watch?.close()
    throw asTrustError(error)
  }
  started = true
  if (early) void reload()
  return Object.freeze({
    current: () => version.trust,
    reload,
    close() {
      closed = true
      watch?.close()
    },
  })
}
