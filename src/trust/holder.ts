import type { Code } from '../core/codes.ts'
import { oneAtATime } from '../core/one-at-a-time.ts'
import { type BoundTrust, bindSource, type RemoteTrust } from './bound-source.ts'
import { parseBundle } from './bundle.ts'
import type { Follower } from './remote-options.ts'
import { compileTrust, type Trust } from './trust.ts'
import { asTrustError } from './trust-error.ts'
import type { TrustSource } from './trust-source.ts'

/** Holds the version of the trust bundle that counts now. */
export interface TrustHolder {
  current(): Trust
  /**
   * Looks for a newer version because a token of this origin names a key that is not known; undefined where there is
   * none.
   */
  renew(origin: string): Promise<Trust | undefined>
  /** What is wrong now; empty where nothing is. */
  health(): Code[]
  /** Loads anew. It does not reject: an invalid version is reported, and the one before stays. */
  reload(): Promise<void>
  close(): void
}

interface Version {
  readonly trust: Trust
  /** What the version was made from: the same text again is no change. */
  readonly text: string
}

async function loadVersion(source: BoundTrust, before: Version | undefined): Promise<Version> {
  const bundle = parseBundle(await source.load())
  const text = JSON.stringify(bundle)
  if (before?.text === text) return before
  return { trust: await compileTrust(bundle, (before?.trust.generation ?? 0) + 1, source.remote), text }
}

function healthOf({ domains, lists }: RemoteTrust): Code[] {
  return [...domains.values(), ...lists].some(({ isStale }) => isStale) ? ['trust-unavailable'] : []
}

/**
 * Loads the bundle, throws `trust-invalid` where it cannot be used, and from then on follows its source: a valid new
 * version takes the place of the old one as a whole, an invalid one leaves it.
 */
export async function createTrustHolder(given: TrustSource, follower: Follower): Promise<TrustHolder> {
  const { report } = follower
  const source = bindSource(given, follower)
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
    async renew(origin: string) {
      if ((await source.remote.domains.get(origin)?.renew()) !== true) return undefined
      await reload()
      return version.trust
    },
    health: () => healthOf(source.remote),
    close() {
      closed = true
      watch?.close()
    },
  })
}
