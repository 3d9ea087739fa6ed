import type { MaybePromise } from '../core/maybe-promise.ts'

/**
 * Remembers which proofs were used, so that none is used twice. Yours may be anything shared (a database, a cache);
 * `memoryReplay` is the default.
 *
 * What a store owes the guard:
 * - **Atomic.** Of any number of claims for one name, at the same time and from any process that shares the store,
 *   exactly one is `'fresh'`.
 * - **By name alone.** A name that is still claimed is `'seen'`, whatever expiry it comes with the second time.
 * - **Never early.** A claim is kept at least until `expiresAt`, by whatever clock runs slowest; nothing live is evicted.
 * - **Closed when in doubt.** A store that is full, down or unsure throws, and the call is refused. It never guesses
 *   `'fresh'`.
 *
 * It proves that this store saw a name for the first time. It does not prove that another process with a store of its
 * own did not see it before: processes that share state need a shared store.
 *
 * @example
 * const replay: ReplayStore = {
 *   // `onlyIfAbsent` is one atomic operation of the database: to look first and to write then would let two pass.
 *   claim: async (name, expiresAt) => ((await database.onlyIfAbsent(name, expiresAt)) ? 'fresh' : 'seen'),
 * }
 * @see draft-ietf-wimse-http-signature, the security considerations on replay
 */
export interface ReplayStore {
  /**
   * Whether other processes see the same claims; default true. Then calls under a session are claimed here, too, instead
   * of in the memory of the session alone.
   */
  readonly shared?: boolean
  /**
   * Claims a name until a moment.
   *
   * @param name printable ASCII: whose name it is, a space, and a name that is unique to them
   * @param expiresAt epoch milliseconds; from then on nobody accepts the proof any more
   */
  claim(name: string, expiresAt: number): MaybePromise<'fresh' | 'seen'>
}
