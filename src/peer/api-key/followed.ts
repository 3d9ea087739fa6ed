import type { Report } from '../../core/notice.ts'
import type { ApiKeyStore } from './store.ts'

const FOLLOWED: unique symbol = Symbol('countersign.api-key-file')

/** A store that follows a file, as a guard uses it. */
export interface FollowedStore {
  readonly [FOLLOWED]: true
  bindReport(report: Report): void
  /** Writes when keys were last used. It does not reject. */
  flush(): Promise<void>
}

/** Marks a store that follows a file. */
export const followed = { [FOLLOWED]: true } as const

export function isFollowed(store: ApiKeyStore): store is ApiKeyStore & FollowedStore {
  return FOLLOWED in store
}
