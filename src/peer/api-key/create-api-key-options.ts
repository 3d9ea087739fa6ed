import type { Clock } from '../../core/clock.ts'

/** What an API key is made from. */
export interface CreateApiKeyOptions {
  /** Whose key it is: 1 to 128 printable ASCII characters without spaces and asterisks. The peer is `api-key:<owner>`. */
  readonly owner: string
  /** What a policy may ask for by `scope`; may be empty. */
  readonly scopes: readonly string[]
  /** Epoch milliseconds; from then on the key is refused. Default never. */
  readonly expiresAt?: number
  /** Default that of the machine. */
  readonly clock?: Clock
}
