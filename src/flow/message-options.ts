/** What a message is proven by: put both beside it, as headers or properties. It is a record of headers, as clients take. */
export type MessageProof = {
  readonly 'workload-identity-token': string
  readonly 'workload-proof-token': string
}

/** What is proven of a message. */
export interface MessageProofOptions {
  /** Whom it is for: the identifier of the workload that reads it, or a name that the readers of a queue share. */
  readonly audience: string
  /** The message itself, byte for byte. */
  readonly payload: Uint8Array
  /** How long it may be under way; default 300, at most 3600. It is over with our identity token, too. */
  readonly lifetimeSeconds?: number | undefined
}

/** What a message is held to. */
export interface MessageCheckOptions {
  /** The message as it came, byte for byte. */
  readonly payload: Uint8Array
  /** Names beside our own identifier that mean us: those that the readers of a queue share. */
  readonly audiences?: readonly string[] | undefined
  /** The longest that it may be under way; default 300, at most 3600. */
  readonly maxLifetimeSeconds?: number | undefined
  /**
   * Whether a second delivery of the same message is refused, by the `replay` store of the workload. Default true;
   * `false` where the queue delivers more than once and to handle a message twice does no harm.
   */
  readonly once?: boolean | undefined
}
