import type { Clock } from '../core/clock.ts'
import type { Code } from '../core/codes.ts'
import { CountersignError, isCountersignError } from '../core/errors.ts'
import type { Report } from '../core/notice.ts'
import type { Watch } from '../platform/platform.ts'
import type { CertificateSource } from './certificate-source.ts'
import { type OwnCertificate, readOwnCertificate } from './own-certificate.ts'

export interface CertificateHolderOptions {
  /** The workload's own identifier. */
  readonly id: string
  readonly source: CertificateSource
  readonly clock: Clock
  readonly report: Report
}

/** The certificate that counts now. */
export interface HeldCertificate extends OwnCertificate {
  /** Counts the certificates, from 1: what was made with another one is out of date. */
  readonly generation: number
}

/** Holds the certificate that a workload shows, and follows its source. It has no timer. */
export interface CertificateHolder {
  /**
   * The certificate to show now.
   *
   * @throws `credentials-unavailable` where the last one has expired
   */
  current(): HeldCertificate
  /** Calls back whenever there is a new one, until that is given up or the holder is closed. */
  onChange(listener: () => void): Watch
  /** What is wrong now; empty where nothing is. */
  health(): Code[]
  close(): void
}

const UNAVAILABLE: Code = 'credentials-unavailable'

async function load({ source, id, clock }: CertificateHolderOptions): Promise<OwnCertificate> {
  try {
    return await readOwnCertificate(await source.load(), { id, clock })
  } catch (error) {
    if (isCountersignError(error)) throw error
    // What a source of one's own throws may quote secrets: only our own words are passed on.
    const fix = 'its source could not load it'
    // Condition: a workload whose certificate cannot be loaded does not start.
    throw new CountersignError('credentials-invalid', { cause: error, detail: { option: 'certificate', fix } })
  }
}

/** Loads the certificate of a workload; a source that has a watch is watched until `close`. */
export async function createCertificateHolder(options: CertificateHolderOptions): Promise<CertificateHolder> {
  let holder: Holder | undefined
  let changedEarly = false
  // Watched before it is read: a change in between is not missed.
  const watch = options.source.watch?.(() => {
    if (holder === undefined) changedEarly = true
    else holder.changed()
  })
  try {
    holder = new Holder(options, watch, await load(options))
  } catch (error) {
    watch?.close()
    throw error
  }
  if (changedEarly) holder.changed()
  return holder
}

class Holder implements CertificateHolder {
  readonly #options: CertificateHolderOptions
  readonly #watch: Watch | undefined
  readonly #listeners = new Set<() => void>()
  #held: HeldCertificate
  #problem: Code | undefined
  #isLoading = false
  #isChanged = false
  #isClosed = false

  constructor(options: CertificateHolderOptions, watch: Watch | undefined, first: OwnCertificate) {
    this.#options = options
    this.#watch = watch
    this.#held = Object.freeze({ ...first, generation: 1 })
  }

  current(): HeldCertificate {
    // Condition: a certificate of one’s own is not shown once it has expired.
    if (this.#isExpired()) throw new CountersignError(UNAVAILABLE, { detail: { step: 'certificate' } })
    return this.#held
  }

  onChange(listener: () => void): Watch {
    // Two who give the same function have a watch each.
    const own = () => listener()
    this.#listeners.add(own)
    return { close: () => void this.#listeners.delete(own) }
  }

  health(): Code[] {
    const expired = this.#isExpired() ? [UNAVAILABLE] : []
    return [...(this.#problem === undefined ? [] : [this.#problem]), ...expired]
  }

  close(): void {
    this.#isClosed = true
    this.#listeners.clear()
    this.#watch?.close()
  }

  /** The source has something new, or may have. */
  changed(): void {
    this.#isChanged = true
    if (!this.#isLoading) void this.#follow()
  }

  #isExpired(): boolean {
    return this.#options.clock.now() > this.#held.expiresAt
  }

  /** One load after the other: none that began earlier puts an older certificate in place. */
  async #follow(): Promise<void> {
    this.#isLoading = true
    while (this.#isChanged && !this.#isClosed) {
      this.#isChanged = false
      await this.#reload()
    }
    this.#isLoading = false
  }

  async #reload(): Promise<void> {
    const { report } = this.#options
    try {
      const next = await load(this.#options)
      if (this.#isClosed) return
      this.#problem = undefined
      const { chainPem, generation } = this.#held
      if (next.chainPem === chainPem) return
      this.#held = Object.freeze({ ...next, generation: generation + 1 })
      report('credentials.changed', { step: 'certificate', keyId: next.thumbprint })
      for (const listener of this.#listeners) listener()
    } catch (error) {
      if (this.#isClosed) return
      // The one before stays: one of two files may be renewed before the other.
      const known = isCountersignError(error) ? error : undefined
      this.#problem = known?.code ?? 'credentials-invalid'
      report('credentials.rejected', { step: 'certificate', ...known?.detail })
    }
  }
}
