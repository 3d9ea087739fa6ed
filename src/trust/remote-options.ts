import type { Clock } from '../core/clock.ts'
import type { Report } from '../core/notice.ts'
import type { Schedule } from '../core/schedule.ts'

/** How a document at a URL is followed. */
export interface FollowOptions {
  /**
   * For how long what was fetched last counts when its server does not answer: 3600 seconds by default. After that
   * whoever depends on it is refused with 503, `trust-unavailable`.
   */
  readonly maxStaleSeconds?: number | undefined
  /** How often to look, whatever the server says. By default by its cache headers, 30 to 900 seconds, else 300. */
  readonly refreshSeconds?: number | undefined
  /** A file that keeps the last version for a cold start while the server is down. None by default. */
  readonly snapshot?: string | undefined
  /** How to fetch: the runtime's `fetch` by default. */
  readonly fetch?: typeof fetch | undefined
}

/** Whom a document is followed for. */
export interface Follower {
  readonly clock: Clock
  readonly report: Report
  readonly schedule?: Schedule
}

/** What turns a document into what is held of it. */
export interface RemoteKind<T> {
  readonly url: URL
  /** What it is called in the trail; its URL by default. */
  readonly name?: string
  /** Where the document is, if what is at the URL only says where. Throws where it may not be there. */
  readonly locate?: (json: unknown) => URL
  /** Throws where the document is not what it should be; `before` is what is held now. */
  readonly parse: (json: unknown, before: T | undefined) => T
  /** How often its author wants it to be fetched. */
  readonly hintSeconds?: (value: T) => number | undefined
}
