import { nowSeconds } from '../../core/clock.ts'
import type { Peer } from '../../identity/peer.ts'
import { type AccessToken, readAccessHeader, verifyAccessToken } from '../../token/access-token.ts'
import type { GatedToken } from '../../token/gate.ts'
import type { HeldToken } from '../../token/held-tokens.ts'
import type { FoundKey, IssuerKey } from '../../token/issuer-keys.ts'
import { tokenInvalid } from '../../token/refusal.ts'
import type { Surroundings } from '../authenticator.ts'
import { type BearerRules, callerPrefix } from './bearer-rules.ts'
import type { IssuerSource } from './issuer-source.ts'

/** Whom an access token speaks of. Whether it was presented by whom it is bound to is another question. */
export interface BearerCaller {
  readonly issuer: BearerIssuer
  readonly access: AccessToken
  readonly keyId: string | undefined
  readonly peer: Peer
}

/** The key that a token was verified by, and under which version of the keys it was found. */
interface UsedKey {
  readonly key: IssuerKey
  readonly keyId: string | undefined
  readonly generation: number
}

/** One issuer, at work for one guard. */
export class BearerIssuer {
  readonly rules: BearerRules
  readonly #source: IssuerSource
  readonly #around: Surroundings
  readonly #successors: ReadonlyMap<string, () => boolean>

  constructor(rules: BearerRules, source: IssuerSource, around: Surroundings) {
    this.rules = rules
    this.#source = source
    this.#around = around
    const successors = Object.entries(rules.options.successors ?? {})
    this.#successors = new Map(successors.map(([subject, workload]) => [subject, around.watch(workload)]))
  }

  get generation(): number {
    return this.#source.generation
  }

  /** Throws where the keys are older than they may be. */
  assertFresh(): void {
    void this.#source.keys()
  }

  /** Whether a subject has become a workload, which was seen to prove itself. */
  isSuperseded(subject: string): boolean {
    return this.#successors.get(subject)?.() === true
  }

  /** Verifies a token that names this issuer. */
  async verify(token: string, gated: GatedToken): Promise<HeldToken<BearerCaller>> {
    const { alg, kid } = readAccessHeader(gated, this.rules)
    const { key, keyId, generation } = await this.#keyOf(kid, alg)
    const { clock, toleranceSeconds } = this.#around
    const judged = { rules: this.rules, moment: { nowSeconds: nowSeconds(clock), toleranceSeconds } }
    const access = await verifyAccessToken(token, { gated, key }, judged)
    return { generation, value: Object.freeze({ issuer: this, access, keyId, peer: this.#peerOf(access) }) }
  }

  async #keyOf(kid: string | undefined, alg: string): Promise<UsedKey> {
    const known = await this.#find(kid, alg)
    if (known !== undefined) return known
    const found = (await this.#source.renew()) ? await this.#find(kid, alg) : undefined
    // Condition: an access token by a key that its issuer does not publish is refused.
    if (found === undefined) throw tokenInvalid('kid')
    return found
  }

  async #find(kid: string | undefined, alg: string): Promise<UsedKey | undefined> {
    // Taken before the keys: what changes from now on, while they are waited for too, changes after it.
    const { generation } = this.#source
    const found = (await this.#source.keys()).find(kid, alg)
    return found && { key: await imported(found), keyId: found.keyId, generation }
  }

  #peerOf({ subject, scopes, claims }: AccessToken): Peer {
    const id = callerPrefix(this.rules.issuer) + subject
    return Object.freeze({ id, authenticatedBy: 'bearer', scopes, claims, also: Object.freeze([]) })
  }
}

async function imported({ key }: FoundKey): Promise<IssuerKey> {
  try {
    return await key
  } catch {
    // Condition: an access token by a key that is no point of its curve is refused.
    throw tokenInvalid('key')
  }
}
