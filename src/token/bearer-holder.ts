import type { Clock } from '../core/clock.ts'
import { CountersignError } from '../core/errors.ts'
import { isJsonObject } from '../core/json.ts'
import type { MaybePromise } from '../core/maybe-promise.ts'
import { systemSchedule, type Timer } from '../core/schedule.ts'
import type { Jwk } from '../crypto/primitives.ts'
import type { BearerSource } from './bearer-source.ts'
import { type DpopProver, dpopProver } from './prove-dpop.ts'

/** An access token that is in use. It does not change; the next one is another. */
export interface ActiveBearer {
  readonly token: string
  /** Epoch milliseconds; infinite where nobody said. */
  readonly expiresAt: number
  readonly renewAt: number
  /** Makes the proofs that go with it, where it is bound to a key. */
  readonly prove: DpopProver | undefined
}

const MARGIN_MS = 30_000
/** How long a source may take to answer. */
const PATIENCE_MS = 30_000
/** How soon a source is asked again that failed, or gave what was refused. */
const PAUSE_MS = 5_000
const LATE = Symbol('late')
/** What may stand in `Authorization` (RFC 9110 §11.2, token68). */
const SENDABLE = /^[A-Za-z0-9\-._~+/]+=*$/

/** Says at which step there was no token. What a source gave stays out of it. */
function unavailable(step: string, fix: string, cause?: unknown): CountersignError {
  return new CountersignError('credentials-unavailable', { detail: { step, fix }, cause })
}

/** Holds the access token that calls are made with, and asks its source for the next one. It has no timer of its own. */
export class BearerHolder {
  readonly #source: BearerSource
  readonly #clock: Clock
  #held: ActiveBearer | undefined
  #asking: Promise<ActiveBearer> | undefined
  #failedAt = Number.NEGATIVE_INFINITY
  #refusedAt = Number.NEGATIVE_INFINITY

  constructor(source: BearerSource, clock: Clock) {
    this.#source = source
    this.#clock = clock
  }

  /** The token to use now: at once while it holds; near its end the next one is asked for beside the calls. */
  current(): MaybePromise<ActiveBearer> {
    const held = this.#held
    const now = this.#clock.now()
    if (held === undefined || now >= held.expiresAt) return this.#ask()
    const isDue = now >= held.renewAt && now >= this.#failedAt + PAUSE_MS
    // While the old one holds, nobody waits for the new one, and nobody fails with it.
    if (isDue) this.#ask().catch(() => undefined)
    return held
  }

  /** A service has refused a token: gives another one, or undefined where it is too soon to ask for it. */
  another(refused: ActiveBearer): MaybePromise<ActiveBearer> | undefined {
    if (this.#held !== undefined && this.#held !== refused) return this.current()
    if (this.#asking !== undefined) return this.#asking
    const now = this.#clock.now()
    // Condition: a source whose tokens are refused one after the other is asked every five seconds at most.
    if (now < this.#refusedAt + PAUSE_MS) return undefined
    this.#refusedAt = now
    this.#held = undefined
    return this.#ask()
  }

  /** Asks the source once, however many wait for it. */
  #ask(): Promise<ActiveBearer> {
    this.#asking ??= this.#renew().finally(() => {
      this.#asking = undefined
    })
    return this.#asking
  }

  async #renew(): Promise<ActiveBearer> {
    try {
      const given = await inTime(this.#source)
      this.#held = await activate(given, this.#clock.now())
      return this.#held
    } catch (error) {
      this.#failedAt = this.#clock.now()
      throw error
    }
  }
}

/** Waits for what the source gives, but not for ever: all calls wait for this one. */
async function inTime(source: BearerSource): Promise<unknown> {
  let timer: Timer | undefined
  const late = new Promise<typeof LATE>((resolve) => {
    timer = systemSchedule(() => resolve(LATE), PATIENCE_MS)
  })
  try {
    const given = await Promise.race([ask(source), late])
    // Condition: a source of tokens that does not answer within 30 seconds is given up on.
    if (given === LATE) throw unavailable('timeout', 'let the source of tokens give up in time itself')
    return given
  } finally {
    timer?.cancel()
  }
}

async function ask(source: BearerSource): Promise<unknown> {
  try {
    return await source()
  } catch (cause) {
    // Condition: a call whose source of tokens fails is not made.
    throw unavailable('source', 'the source of tokens failed: its error is the cause', cause)
  }
}

async function activate(given: unknown, now: number): Promise<ActiveBearer> {
  const { token, expiresAt = Number.POSITIVE_INFINITY, dpopKey } = isJsonObject(given) ? given : {}
  // Condition: what a source gives that is no token that can be sent is not sent.
  if (typeof token !== 'string' || !SENDABLE.test(token)) throw unavailable('token', 'give { token }, as it is sent')
  // Condition: a token that is over when its source gives it is not sent.
  if (typeof expiresAt !== 'number' || !(expiresAt > now))
    throw unavailable('expiresAt', 'give a token that holds, and its end in epoch milliseconds')
  const renewAt = Math.max(expiresAt - MARGIN_MS, now + ((expiresAt - now) * 2) / 3)
  return Object.freeze({ token, expiresAt, renewAt, prove: await proverOf(dpopKey, token) })
}

async function proverOf(dpopKey: unknown, token: string): Promise<DpopProver | undefined> {
  if (dpopKey === undefined) return undefined
  try {
    return await dpopProver(dpopKey as Jwk, token)
  } catch {
    // Condition: a token whose key can make no proofs is not sent.
    // The cause may quote the key.
    throw unavailable('dpopKey', 'give the private key that the token is bound to, ES256 or Ed25519')
  }
}
