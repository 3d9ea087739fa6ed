/** How sessions are kept; each has its default. */
export interface SessionOptions {
  /** How long a session lives at most, in seconds: 30 to 600, default 600. It never outlives either token. */
  readonly lifetimeSeconds?: number
  /** How many sessions one instance of a caller (one proof key) may have here at once; default 4. */
  readonly maxPerInstance?: number
  /** How many sessions there may be here in all; default 10,000. Whoever comes later calls with signatures. */
  readonly maxSessions?: number
  /** How many sessions one identity may open here within a minute; default 1,200. */
  readonly handshakesPerMinute?: number
}
