import { platform } from '#platform'
import { type Clock, systemClock } from '../core/clock.ts'
import { CountersignError } from '../core/errors.ts'
import { checkOptions } from '../core/options.ts'
import { randomBytes } from '../core/random.ts'
import { Bucket } from './bucket.ts'
import { createFingerprint } from './fingerprint.ts'
import type { MemoryReplayOptions } from './memory-replay-options.ts'
import { Owners } from './owners.ts'
import { memoryReplaySchema } from './schema.ts'
import type { ReplayStore } from './store.ts'

const DEFAULT_MAX_CLAIMS = 1_000_000
const BUCKET_MS = 16_000
const FURTHEST_MS = 24 * 60 * 60 * 1000

/** A store of used proofs in the memory of this process. */
export interface MemoryReplay extends ReplayStore {
  readonly shared: false
  claim(name: string, expiresAt: number): 'fresh' | 'seen'
  /** Live claims now, and those that expired within the last 16 seconds or so. */
  readonly size: number
  /** Bytes in use: the tables exactly, the names of the owners by a cautious estimate. */
  readonly bytes: number
}

/**
 * Makes a store that remembers used proofs in this process: synchronous, bounded, exact but for a chance of 2^-96 that
 * no caller can help along. A million live claims take at most 64 MiB.
 *
 * It proves that this process, since it started, saw a name for the first time; moving the wall clock back or forth does
 * not change that, since a claim is forgotten only when both clocks have passed it, and a proof that expires no later
 * than one already forgotten counts as seen. (So after callers' and own clocks were ahead together and were set right,
 * new proofs count as seen until the clock has caught up, or the process is restarted.) It does not prove anything about
 * other processes, nor about the time before a restart: a proof that was used then can be used once more until it
 * expires. Replicas need a shared store.
 *
 * Nothing live is evicted. An owner is what stands before the last space of a name: callee and caller. Up to `maxClaims`
 * everybody gets in. Beyond, there is room for as many again, of which only those get some who hold little: an owner with
 * fewer claims than the room that is left, divided by the number of owners; the others are refused with `replay-full`
 * until their own claims expire. So one flooding caller shuts out itself, and there are never more than
 * 2 × `maxClaims`.
 *
 * @param options room and clocks; defaults for all
 * @throws `option-invalid` for options that are wrong; from `claim`: `replay-full`, and `option-invalid` where
 * `expiresAt` is no number or more than 24 hours ahead
 * @example
 * const replay = memoryReplay({ maxClaims: 200_000 })
 * replay.claim('ledger orders n-1', Date.now() + 120_000) // 'fresh'
 * replay.claim('ledger orders n-1', Date.now() + 120_000) // 'seen'
 * @see draft-ietf-wimse-http-signature, the security considerations on replay
 */
export function memoryReplay(options: MemoryReplayOptions = {}): MemoryReplay {
  const store = new Claims(checkOptions(memoryReplaySchema, options, 'memoryReplay'))
  return Object.freeze({
    shared: false as const,
    claim: (name: string, expiresAt: number) => store.claim(name, expiresAt),
    get size() {
      return store.size
    },
    get bytes() {
      return store.bytes
    },
  })
}

class Claims {
  readonly #maxClaims: number
  readonly #clock: Clock
  readonly #monotonicMs: () => number
  readonly #fingerprint = createFingerprint(new Uint32Array(randomBytes(16).buffer))
  readonly #owners = new Owners()
  /** By the time they end. */
  readonly #buckets: Bucket[] = []
  #size = 0
  #forgottenUntil = Number.NEGATIVE_INFINITY

  constructor({ maxClaims, clock, monotonicMs }: MemoryReplayOptions) {
    this.#maxClaims = maxClaims ?? DEFAULT_MAX_CLAIMS
    this.#clock = clock ?? systemClock
    this.#monotonicMs = monotonicMs ?? platform.monotonicMs
  }

  get size(): number {
    return this.#size
  }

  get bytes(): number {
    return this.#buckets.reduce((sum, bucket) => sum + bucket.bytes, this.#owners.bytes)
  }

  claim(name: string, expiresAt: number): 'fresh' | 'seen' {
    const now = this.#clock.now()
    const elapsedMs = this.#monotonicMs()
    this.#forget(now, elapsedMs)
    checkExpiry(expiresAt, now)
    // Condition: a proof that expires no later than one already forgotten counts as seen.
    if (expiresAt <= this.#forgottenUntil) return 'seen'
    const cut = name.lastIndexOf(' ') + 1
    const ownerName = name.slice(0, cut)
    const unique = name.slice(cut)
    const known = this.#owners.numberOf(ownerName)
    // Condition: a name that is still claimed is seen, whatever expiry it comes with.
    if (known !== 0 && this.#isClaimed(known, unique)) return 'seen'
    this.#checkRoom(known)
    const bucket = this.#bucketUntil(Math.ceil(expiresAt / BUCKET_MS) * BUCKET_MS)
    const owner = known === 0 ? this.#owners.enter(ownerName) : known
    bucket.add(this.#fingerprint(owner, unique), owner)
    bucket.heldUntilMs = Math.max(bucket.heldUntilMs, elapsedMs + bucket.endsAt - now)
    this.#owners.claimed(owner)
    this.#size++
    return 'fresh'
  }

  /** Drops whole buckets, oldest first, once both clocks have passed them. */
  #forget(now: number, elapsedMs: number): void {
    for (let oldest = this.#buckets[0]; oldest !== undefined; oldest = this.#buckets[0]) {
      // Condition: a claim is forgotten only when the wall clock and the monotonic clock have both passed its expiry.
      if (!(now > oldest.endsAt && elapsedMs > oldest.heldUntilMs)) return
      this.#buckets.shift()
      this.#forgottenUntil = oldest.endsAt
      this.#size -= oldest.size
      oldest.forEachOwner((owner) => this.#owners.released(owner))
    }
  }

  #isClaimed(owner: number, unique: string): boolean {
    const print = this.#fingerprint(owner, unique)
    for (const bucket of this.#buckets) if (bucket.has(print, owner)) return true
    return false
  }

  #checkRoom(owner: number): void {
    if (this.#size < this.#maxClaims) return
    const share = (2 * this.#maxClaims - this.#size) / this.#owners.active
    // Condition: when the store is full, an owner at or over its share is refused.
    if (this.#owners.countOf(owner) >= share) throw new CountersignError('replay-full', { detail: { step: 'claim' } })
  }

  #bucketUntil(endsAt: number): Bucket {
    let at = this.#buckets.length
    for (; at > 0; at--) {
      const before = this.#buckets[at - 1] as Bucket
      if (before.endsAt === endsAt) return before
      if (before.endsAt < endsAt) break
    }
    const bucket = new Bucket(endsAt)
    this.#buckets.splice(at, 0, bucket)
    return bucket
  }
}

function checkExpiry(expiresAt: number, now: number): void {
  // Condition: a claim that expires at no time or more than 24 hours ahead is refused.
  if (!(Number.isFinite(expiresAt) && expiresAt <= now + FURTHEST_MS)) {
    throw new CountersignError('option-invalid', {
      detail: { option: 'expiresAt', fix: 'give epoch milliseconds, at most 24 hours ahead' },
    })
  }
}
