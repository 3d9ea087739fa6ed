import type { RemoteDocument } from './remote-document.ts'
import type { Follower } from './remote-options.ts'
import type { TrustSource } from './trust-source.ts'

/** What a source has that follows something at a distance: it is told for whom. */
export const FOLLOW = Symbol('countersign.trust-source')

/** What of trust may grow stale, by the origin of the trust domain. */
export type RemoteTrust = ReadonlyMap<string, Pick<RemoteDocument<unknown>, 'assertFresh' | 'isStale' | 'renew'>>

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

const NOTHING: RemoteTrust = new Map()

/** Binds a source to the workload it is for; one that follows nothing is what it is. */
export function bindSource(source: TrustSource, follower: Follower): BoundTrust {
  if (isFollowed(source)) return source[FOLLOW](follower)
  return {
    load: () => source.load(),
    ...(source.watch === undefined ? {} : { watch: (changed) => source.watch?.(changed) ?? { close() {} } }),
    remote: NOTHING,
  }
}
