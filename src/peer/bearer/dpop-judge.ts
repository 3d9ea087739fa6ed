import { nowSeconds } from '../../core/clock.ts'
import { CountersignError } from '../../core/errors.ts'
import { randomBytes } from '../../core/random.ts'
import { claimName } from '../../replay/claim-name.ts'
import { claimOnce } from '../../replay/claim-once.ts'
import { type DpopProof, verifyDpop } from '../../token/dpop.ts'
import type { Evidence, Surroundings } from '../authenticator.ts'
import { isOurs } from '../own-url.ts'
import { dpopInvalid, refusedAs } from './bearer-refusal.ts'
import type { DpopOptions } from './bearer-token-options.ts'
import { createDpopNonces, type DpopNonces } from './dpop-nonce.ts'

/** A token that held and is bound to a key. */
export interface BoundToken {
  readonly token: string
  readonly jkt: string
  readonly caller: string
}

/** Judges the proofs that come with tokens of one issuer (RFC 9449 §4.3). */
export class DpopJudge {
  readonly #around: Surroundings
  readonly #nonces: DpopNonces | undefined
  /** The nonce that goes with a refusal, and with no other: those of other issuers and callers are not its business. */
  readonly #given = new WeakMap<CountersignError, string>()

  constructor(options: DpopOptions, around: Surroundings) {
    const { nonces = false } = options
    this.#around = around
    if (nonces === false) return
    const make = () => createDpopNonces(nonces === true ? randomBytes(32) : nonces, around.clock)
    // A caller that has a nonce of one route has it for all.
    this.#nonces = around.shared(options, make)
  }

  async judge(evidence: Evidence, bound: BoundToken): Promise<void> {
    const text = evidence.header('dpop')
    // Condition: an access token that is bound to a key is refused without a proof.
    if (text === undefined) throw dpopInvalid('missing')
    const proof = await this.#verify(text, evidence, bound)
    // Condition: a proof by another key than the one an access token is bound to is refused.
    if (proof.jkt !== bound.jkt) throw dpopInvalid('jkt')
    await this.#checkNonce(proof)
    const { id, replay, toleranceSeconds } = this.#around
    const name = claimName(id, bound.caller, `${proof.jkt}.${proof.id}`)
    // Condition: a proof that came with an access token before is refused.
    if ((await claimOnce(replay, name, (proof.endsAt + toleranceSeconds) * 1000)) !== 'fresh')
      throw dpopInvalid('claim')
  }

  async #verify(text: string, { method, target }: Evidence, { token }: BoundToken): Promise<DpopProof> {
    const { clock, toleranceSeconds } = this.#around
    const path = target.split('?', 1)[0] ?? ''
    const isTarget = (url: string) => isOurs(this.#around.urls(), path, url)
    const expected = { method, isTarget, token, nowSeconds: nowSeconds(clock), toleranceSeconds }
    return refusedAs('dpop-invalid', () => verifyDpop(text, expected))
  }

  async #checkNonce({ nonce }: DpopProof): Promise<void> {
    if (this.#nonces === undefined) return
    // Condition: a proof without a nonce of ours that holds is refused where nonces are demanded.
    if (nonce === undefined || !(await this.#nonces.holds(nonce))) {
      const refused = new CountersignError('dpop-nonce-required', { detail: { step: 'nonce' } })
      this.#given.set(refused, await this.#nonces.make())
      throw refused
    }
  }

  /** The nonce to use from now on (RFC 9449 §9). */
  nonceFields(error: CountersignError): readonly string[] {
    const nonce = this.#given.get(error)
    return nonce === undefined ? [] : ['DPoP-Nonce', nonce, 'Cache-Control', 'no-store']
  }
}
