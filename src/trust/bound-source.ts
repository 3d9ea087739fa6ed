import type { RemoteDocument } from './remote-document.ts'
import type { Follower } from './remote-options.ts'
import type { TrustSource } from './trust-source.ts'

/** What a source has that follows something at a distance: it is told for whom. */
export const FOLLOW = Symbol('countersign.trust-source')

/** A document that may grow stale. */
export type Remote = Pick<RemoteDocument<unknown>, 'assertFresh' | 'isStale' | 'renew'>

/** What of trust may grow stale. */
export interface RemoteTrust {
  /** The keys of trust domains, by origin. */
  readonly domains: ReadonlyMap<string, Remote>
  /** Lists of what was revoked: anybody might be on them. */
  readonly lists: readonly Remote[]
}

/** A source that is followed for one workload. */
export interface BoundTrust extends TrustSource {
  readonly remote: RemoteTrust
}

/** A source of the library's own that follows something at a distance. */
export interface FollowedTrustSource extends TrustSource {
  readonly [FOLLOW]: (follower: Follower) => BoundTrust
}

function isFollowed(source: TrustSource): source is FollowedTrustSource {
  return FOLLOW in source
}

/** Nothing of it may. */
export const NOTHING: RemoteTrust = Object.freeze({ domains: new Map(), lists: [] })

/** Binds a source to the workload it is for; one that follows nothing is what it is. */
export function bindSource(source: TrustSource, follower: Follower): BoundTrust {
  if (isFollowed(source)) return source[FOLLOW](follower)
  return {
    load: () => source.load(),
    ...(source.watch === undefined ? {} : { watch: (changed) => source.watch?.(changed) ?? { close() {} } }),
    remote: NOTHING,
  }
}
