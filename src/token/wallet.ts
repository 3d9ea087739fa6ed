import type { Clock } from '../core/clock.ts'
import type { Code } from '../core/codes.ts'
import { CountersignError, isCountersignError } from '../core/errors.ts'
import type { MaybePromise } from '../core/maybe-promise.ts'
import type { Report } from '../core/notice.ts'
import { type CredentialSource, parseCredentials } from '../keys/credentials.ts'
import type { Watch } from '../platform/platform.ts'
import { type Activation, type ActivationContext, type ActiveCredential, activate } from './activate.ts'
import { createSealKeyShelf, type SealKey, type SealKeyShelf } from './seal-keys.ts'

export type { ActiveCredential } from './activate.ts'
export type { SealKey } from './seal-keys.ts'

export interface CredentialHolderOptions {
  /** The workload's own identifier. */
  readonly id: string
  readonly source: CredentialSource
  readonly clock: Clock
  readonly report: Report
  /** How long minted tokens live; by default an hour. */
  readonly lifetimeSeconds?: number
}

/** Holds what a workload proves itself with, and renews it in time. It has no timer: it acts when it is asked. */
export interface CredentialHolder {
  /**
   * The credential to use now: at once while it holds. Past two thirds of its life one renewal runs beside the calls.
   *
   * @throws `credentials-unavailable` where the last one has expired and there is no new one
   */
  current(): MaybePromise<ActiveCredential>
  /** What opens bodies sealed to this workload; the same array until it changes. */
  sealKeys(): readonly SealKey[]
  /** What is wrong now; empty where nothing is. */
  health(): Code[]
  close(): void
}

const UNAVAILABLE: Code = 'credentials-unavailable'
const DEFAULT_LIFETIME_SECONDS = 3600
/** How soon a renewal that brought nothing new is tried again while the old credential still holds. */
const RETRY_MS = 30_000

async function loadFirst(source: CredentialSource, context: ActivationContext): Promise<Activation> {
  try {
    return await activate(parseCredentials(await source.load()), context)
  } catch (error) {
    if (isCountersignError(error)) throw error
    // Condition: a workload whose credentials cannot be loaded does not start.
    throw new CountersignError('credentials-invalid', {
      cause: error,
      detail: { option: 'credentials', fix: 'their source could not load them' },
    })
  }
}

/** Loads the credentials of a workload and makes them ready; a source that has a watch is watched until `close`. */
export async function createCredentialHolder(options: CredentialHolderOptions): Promise<CredentialHolder> {
  const { id, source, clock, report, lifetimeSeconds = DEFAULT_LIFETIME_SECONDS } = options
  const context = { id, clock, lifetimeSeconds }
  let wallet: Wallet | undefined
  let changedEarly = false
  // Watched before it is read: a change in between is not missed.
  const watch = source.watch?.(() => {
    if (wallet === undefined) changedEarly = true
    else wallet.changed()
  })
  try {
    wallet = new Wallet({ source, report, context, watch }, await loadFirst(source, context))
  } catch (error) {
    watch?.close()
    throw error
  }
  if (changedEarly) wallet.changed()
  return wallet
}

interface Surroundings {
  readonly source: CredentialSource
  readonly report: Report
  readonly context: ActivationContext
  readonly watch: Watch | undefined
}

class Wallet implements CredentialHolder {
  readonly #around: Surroundings
  readonly #shelf: SealKeyShelf = createSealKeyShelf()
  #held: Activation
  #renewal: Promise<void> | undefined
  /** Until then there is nothing to do: it is asked for each call. */
  #actAt = 0
  #triedAt = Number.NEGATIVE_INFINITY
  #changed = false
  #prompted = false
  #problem: Code | undefined
  #closed = false

  constructor(around: Surroundings, held: Activation) {
    this.#around = around
    this.#held = held
    this.#adopt(held)
    this.#schedule()
  }

  current(): MaybePromise<ActiveCredential> {
    const now = this.#now()
    const { credential } = this.#held
    if (now < this.#actAt) return credential
    const renewal = this.#refresh()
    return now < credential.expiresAt ? credential : this.#renewed(renewal)
  }

  sealKeys(): readonly SealKey[] {
    return this.#shelf.list(this.#now())
  }

  health(): Code[] {
    const now = this.#now()
    // Who is only ever asked for its health renews all the same: an idle workload is not a sick one.
    if (now >= this.#actAt) void this.#refresh()
    const { expiresAt } = this.#held.credential
    const expired = now >= expiresAt && this.#triedAt >= expiresAt
    return [...(this.#problem === undefined ? [] : [this.#problem]), ...(expired ? [UNAVAILABLE] : [])]
  }

  close(): void {
    this.#closed = true
    this.#around.watch?.close()
  }

  /** The source has something new, or may have. */
  changed(): void {
    this.#changed = true
    void this.#refresh()
  }

  #now(): number {
    return this.#around.context.clock.now()
  }

  async #renewed(renewal: Promise<void>): Promise<ActiveCredential> {
    await renewal
    const { credential } = this.#held
    // Condition: a workload whose credential has expired and could not be renewed makes no call.
    if (this.#now() >= credential.expiresAt) throw new CountersignError(UNAVAILABLE)
    return credential
  }

  /** One at a time, whoever asks; it never rejects. */
  #refresh(): Promise<void> {
    if (this.#closed) return Promise.resolve()
    this.#renewal ??= this.#run()
    return this.#renewal
  }

  async #run(): Promise<void> {
    do {
      this.#prompted = this.#changed
      this.#changed = false
      if (!(await this.#adoptChange())) await this.#renewMinted()
    } while (this.#changed && !this.#closed)
    this.#triedAt = this.#now()
    this.#schedule()
    this.#renewal = undefined
  }

  #schedule(): void {
    const { renewAt, credential } = this.#held
    const isFine = this.#problem === undefined && this.#triedAt < renewAt
    this.#actAt = isFine ? renewAt : Math.min(this.#triedAt + RETRY_MS, credential.expiresAt)
  }

  async #adoptChange(): Promise<boolean> {
    const { source, context } = this.#around
    try {
      const credentials = parseCredentials(await source.load())
      const isNew = JSON.stringify(credentials) !== JSON.stringify(this.#held.credentials)
      if (isNew) this.#adopt(await activate(credentials, context), 'credentials.changed')
      this.#problem = undefined
      return isNew
    } catch (error) {
      this.#reject(error)
      return false
    }
  }

  async #renewMinted(): Promise<void> {
    const { credentials, renewAt } = this.#held
    // An issued token is renewed by whoever issued it: there is nothing to do here but to look again later.
    if (credentials.token !== undefined || this.#now() < renewAt) return
    try {
      this.#adopt(await activate(credentials, this.#around.context), 'credentials.renewed')
    } catch (error) {
      this.#reject(error)
    }
  }

  #adopt(activation: Activation, notice?: 'credentials.changed' | 'credentials.renewed'): void {
    if (this.#closed) return
    const { credential, sealKeys } = activation
    const { sealKeyId: kid, expiresAt } = credential
    this.#held = activation
    this.#shelf.adopt(sealKeys, kid === undefined ? undefined : { kid, expiresAt })
    if (notice !== undefined) this.#around.report(notice, { keyId: credential.keyId })
  }

  /** Keeps what is held. What a foreign source throws may quote secrets: only our own words are passed on. */
  #reject(error: unknown): void {
    if (this.#closed) return
    const known = isCountersignError(error) ? error : undefined
    const isNews = this.#prompted || this.#problem === undefined
    this.#problem = known?.code ?? 'credentials-invalid'
    if (isNews) this.#around.report('credentials.rejected', { step: 'credentials', ...known?.detail })
  }
}
