import { primitives } from '#crypto'
import { platform } from '#platform'
import { toBase64url } from '../../core/base64url.ts'
import type { Clock } from '../../core/clock.ts'
import { type CountersignError, isCountersignError } from '../../core/errors.ts'
import { andThen, type MaybePromise } from '../../core/maybe-promise.ts'
import { parseCertificate } from '../../identity/certificate.ts'
import { readSvid } from '../../identity/svid.ts'
import { HeldTokens } from '../../token/held-tokens.ts'
import type { Trust } from '../../trust/trust.ts'
import {
  isOfUnknownCa,
  type ShownCertificate,
  type VerifiedCertificate,
  verifyCertificate,
} from '../../trust/verify-certificate.ts'

/** By what certificates are judged. */
export interface JudgeContext {
  readonly clock: Clock
  readonly toleranceSeconds: number
  /** The version of trust that counts now. */
  trust(): Trust
  /** Looks for a newer version, since a CA of this trust domain is not known; undefined where there is none. */
  renewTrust(origin: string): Promise<Trust | undefined>
}

interface Judged {
  readonly generation: number
  readonly value: VerifiedCertificate
}

/** A certificate of a connection that did not hold. */
interface Refused {
  readonly generation: number
  readonly error: CountersignError
  /** Epoch milliseconds. */
  readonly until: number
}

const MAX_CHAINS = 1000
/** It may be that its time begins. */
const REFUSED_MS = 10_000

/**
 * Judges the certificates of callers at each of their requests: what held is verified anew under another version of trust,
 * and not believed beyond its time, however long its connection lives.
 */
export class CertificateJudge {
  readonly #around: JudgeContext
  readonly #connections = new WeakMap<ShownCertificate, Judged>()
  /** To look for a path costs a stranger nothing, and here many signatures: it goes with its connection. */
  readonly #refused = new WeakMap<ShownCertificate, Refused>()
  readonly #fields = new HeldTokens<VerifiedCertificate>()
  /** What came with a certificate that held, by its leaf: a session that is resumed shows the leaf alone. */
  readonly #chains = new Map<string, readonly Uint8Array[]>()

  constructor(around: JudgeContext) {
    this.#around = around
    // Whoever accepts certificates where none can be verified is told when it is said.
    platform.certificates()
  }

  /** Verifies what was shown on a connection. */
  ofConnection(shown: ShownCertificate): MaybePromise<VerifiedCertificate> {
    const known = this.#connections.get(shown)
    return this.#ifStill(known) ?? this.#examineConnection(shown)
  }

  /** Verifies what stands in header fields; `text` is all of them. */
  ofFields(text: string, read: () => MaybePromise<ShownCertificate>): MaybePromise<VerifiedCertificate> {
    const known = this.#fields.find(text)
    const { generation } = this.#trust()
    return this.#ifStill(known) ?? this.#fields.examine(text, generation, async () => this.#verify(await read()))
  }

  #trust(): Trust {
    return this.#around.trust()
  }

  /** What held before and still does. Throws `trust-unavailable` where trust has grown too old. */
  #ifStill(known: Judged | undefined): VerifiedCertificate | undefined {
    const trust = this.#trust()
    const { clock, toleranceSeconds } = this.#around
    // Condition: a certificate that held under another version of trust is verified anew.
    if (known?.generation !== trust.generation) return undefined
    // Condition: a certificate that held is verified anew once its time is over.
    if (clock.now() > known.value.notAfter + toleranceSeconds * 1000) return undefined
    trust.assertFresh(known.value.id)
    return known.value
  }

  async #examineConnection(shown: ShownCertificate): Promise<VerifiedCertificate> {
    const refused = this.#refused.get(shown)
    const { generation } = this.#trust()
    const now = this.#around.clock.now()
    // Condition: a certificate that did not hold is not looked at again on its connection for ten seconds.
    if (refused?.generation === generation && now < refused.until) throw refused.error
    const name = toBase64url(shown.leaf)
    const others = shown.others.length === 0 ? (this.#chains.get(name) ?? []) : shown.others
    const judged = await this.#verify({ leaf: shown.leaf, others }).catch((error: unknown) => {
      if (isCountersignError(error, 'certificate-invalid'))
        this.#refused.set(shown, { generation, error, until: now + REFUSED_MS })
      throw error
    })
    this.#connections.set(shown, judged)
    this.#keepChain(name, others)
    return judged.value
  }

  #keepChain(name: string, others: readonly Uint8Array[]): void {
    const oldest = this.#chains.keys().next()
    if (this.#chains.size >= MAX_CHAINS && !oldest.done && !this.#chains.has(name)) this.#chains.delete(oldest.value)
    if (others.length > 0) this.#chains.set(name, others)
  }

  /** A CA that was published a moment ago may not be known yet: it is looked for once. */
  async #verify(shown: ShownCertificate): Promise<Judged> {
    const trust = this.#trust()
    try {
      return await this.#verifyBy(trust, shown)
    } catch (error) {
      if (!isOfUnknownCa(error)) throw error
      const { origin } = readSvid(parseCertificate(shown.leaf), 'client')
      const newer = await this.#around.renewTrust(origin)
      if (newer === undefined) throw error
      return this.#verifyBy(newer, shown)
    }
  }

  async #verifyBy(trust: Trust, shown: ShownCertificate): Promise<Judged> {
    const { clock, toleranceSeconds } = this.#around
    const value = await verifyCertificate(shown, { trust, clock, toleranceSeconds, role: 'client' })
    return { generation: trust.generation, value }
  }
}

/** The `x5t#S256` of what was shown (RFC 8705 §3.1), whoever vouches for it. */
export function thumbprintOf(shown: ShownCertificate): MaybePromise<string> {
  return andThen(primitives.digest('SHA-256', shown.leaf), toBase64url)
}
