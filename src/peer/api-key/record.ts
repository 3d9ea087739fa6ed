/** What is kept of an API key: all but the key itself. Times are epoch milliseconds. */
export interface ApiKeyRecord {
  /** The part of the key behind `csk_`. It is no secret: events and lists name the key by it. */
  readonly id: string
  /** Whose key it is; its peer is `api-key:<owner>`. Several keys may have one owner. */
  readonly owner: string
  /** What a policy may ask for by `scope`. */
  readonly scopes: readonly string[]
  /** The SHA-256 of a fixed prefix and the whole key, in base64url. */
  readonly hash: string
  readonly createdAt: number
  /** From this moment on the key is refused. */
  readonly expiresAt?: number
  /** The key is refused where this is there, whatever it says. */
  readonly revokedAt?: number
}

/** A record, with when its key was last shown and held. */
export interface ApiKeyEntry extends ApiKeyRecord {
  readonly lastUsedAt?: number
}
