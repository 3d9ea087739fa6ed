import { equalText } from '../../core/bytes.ts'
import type { CountersignError } from '../../core/errors.ts'
import { andThen, type MaybePromise } from '../../core/maybe-promise.ts'
import type { Peer } from '../../identity/peer.ts'
import { gateToken } from '../../token/gate.ts'
import { HeldTokens } from '../../token/held-tokens.ts'
import { outsideItsTime } from '../../token/lifetime.ts'
import { tokenInvalid } from '../../token/refusal.ts'
import type { BoundWay, OwnEvidence, Surroundings } from '../authenticator.ts'
import { thumbprintOf } from '../certificate/certificate-judge.ts'
import { parseClientCert } from '../certificate/client-cert.ts'
import { type BearerCaller, BearerIssuer } from './bearer-issuer.ts'
import { bearerInvalid, refusedAs } from './bearer-refusal.ts'
import { type BearerRules, checkIssuers } from './bearer-rules.ts'
import { DpopJudge } from './dpop-judge.ts'
import { followIssuer, type IssuerSource } from './issuer-source.ts'

/** What stands in `Authorization`, where it is for us. */
interface Presented {
  readonly scheme: 'bearer' | 'dpop'
  readonly token: string
}

const OURS = /^(bearer|dpop)(?: |$)/i
const CREDENTIALS = /^(bearer|dpop) ([\x21-\x7e]+)$/i

/** Binds the issuers that a guard accepts tokens of: they are one way to authenticate, for the token says whose it is. */
export function bindBearers(rules: readonly BearerRules[], around: Surroundings): BoundWay {
  checkIssuers(rules)
  for (const { secret } of rules)
    if (secret !== undefined) around.report('dangerous.used', { option: 'bearerToken.dangerouslySharedSecret' })
  // One fetch for all guards that take its tokens, however many there are.
  const sources = rules.map((one) => around.shared(one, () => followIssuer(one, around)))
  const issuers = rules.map((one, index) => new BearerIssuer(one, sources[index] as IssuerSource, around))
  const way = new BearerWay(issuers, around)
  return {
    // A token shows everything it is good for: no handler and no log of one needs it.
    handedOn: ['authorization', 'dpop'],
    authenticate: (evidence) => refusedAs('bearer-invalid', () => way.authenticate(evidence)),
    challenge: (error) => way.challenge(error),
    close() {
      for (const source of sources) source.close()
    },
  }
}

class BearerWay {
  readonly #issuers: ReadonlyMap<string, BearerIssuer>
  readonly #around: Surroundings
  readonly #held = new HeldTokens<BearerCaller>()
  readonly #judges: ReadonlyMap<BearerIssuer, DpopJudge>
  /** Whether some issuer's tokens are taken without a proof. */
  readonly #takesBearers: boolean

  constructor(issuers: readonly BearerIssuer[], around: Surroundings) {
    this.#issuers = new Map(issuers.map((one) => [one.rules.issuer, one]))
    this.#around = around
    this.#judges = new Map(issuers.map((one) => [one, new DpopJudge(one.rules.dpop, around)]))
    this.#takesBearers = issuers.some(({ rules }) => rules.dpop.required !== true)
  }

  authenticate(evidence: OwnEvidence): MaybePromise<Peer | undefined> {
    const presented = readPresented(evidence.header('authorization'))
    if (presented === undefined) return undefined
    return andThen(this.#callerOf(presented.token), (caller) => this.#confirm(caller, presented, evidence))
  }

  #callerOf(token: string): MaybePromise<BearerCaller> {
    const known = this.#held.find(token)
    // Condition: an access token that held under other keys of its issuer is verified anew.
    if (known === undefined || known.generation !== known.value.issuer.generation) return this.#examine(token)
    const { issuer, access } = known.value
    const endsAt = access.expiresAt + this.#around.toleranceSeconds * 1000
    const now = this.#around.clock.now()
    if (now < endsAt) {
      // Condition: a remembered access token is not believed by keys that have grown too old.
      issuer.assertFresh()
      return known.value
    }
    this.#held.forget(token)
    // Condition: a remembered access token is refused once its time is over.
    throw outsideItsTime('exp', (now - access.expiresAt) / 1000)
  }

  #examine(token: string): Promise<BearerCaller> {
    const gated = gateToken(token)
    const issuer = typeof gated.claims.iss === 'string' ? this.#issuers.get(gated.claims.iss) : undefined
    // Condition: an access token of an issuer that is not accepted is refused.
    if (issuer === undefined) throw tokenInvalid('iss')
    return this.#held.examine(token, issuer.generation, () => issuer.verify(token, gated))
  }

  #confirm(caller: BearerCaller, presented: Presented, evidence: OwnEvidence): MaybePromise<Peer> {
    const { access, peer, keyId, issuer } = caller
    const suspect = { id: peer.id, tokenId: access.tokenId, keyId }
    // Condition: an access token that was revoked, or whose caller or key was, is refused.
    if (this.#around.isRevoked(suspect)) throw bearerInvalid('revoked')
    // Condition: an access token of a caller that was seen to prove itself as a workload is refused.
    if (issuer.isSuperseded(access.subject)) throw bearerInvalid('superseded')
    const { jkt, certificate } = access.confirmation ?? {}
    const mayBeForwarded = issuer.rules.options.certificateFrom === 'client-cert'
    const held = certificate === undefined ? undefined : assertShown(certificate, evidence, mayBeForwarded)
    return andThen(held, () => this.#confirmKey(caller, presented, { evidence, jkt }))
  }

  #confirmKey(
    { peer, issuer }: BearerCaller,
    { scheme, token }: Presented,
    { evidence, jkt }: { readonly evidence: OwnEvidence; readonly jkt: string | undefined },
  ): MaybePromise<Peer> {
    if (jkt === undefined) {
      // Condition: an access token that is bound to no key is refused where it comes as if it were.
      if (scheme === 'dpop') throw bearerInvalid('unbound')
      // Condition: an access token that is bound to no key is refused where its issuer has to bind them.
      if (issuer.rules.dpop.required === true) throw bearerInvalid('unbound')
      return peer
    }
    // Condition: an access token that is bound to a key is refused where it comes as a bearer token.
    if (scheme !== 'dpop') throw bearerInvalid('scheme')
    const judged = this.#judges.get(issuer)?.judge(evidence, { token, jkt, caller: peer.id })
    return andThen(judged, () => peer)
  }

  /** RFC 6750 §3, RFC 9449 §7.1 and §9. */
  challenge(error: CountersignError): readonly string[] {
    const { code } = error
    const isOfProof = code === 'dpop-invalid' || code === 'dpop-nonce-required'
    const bearer = this.#takesBearers && !isOfProof ? ['WWW-Authenticate', withError('Bearer', code)] : []
    const nonces = [...this.#judges.values()].flatMap((judge) => judge.nonceFields(error))
    return [...bearer, 'WWW-Authenticate', `${withError('DPoP', code)} algs="ES256 EdDSA Ed25519"`, ...nonces]
  }
}

/** RFC 8705 §3: whether it is to be believed is not asked, for the token says which one it is. */
async function assertShown(thumbprint: string, evidence: OwnEvidence, mayBeForwarded: boolean): Promise<void> {
  // That a proxy is believed in other things does not say that it overwrites this field.
  const isForwarded = mayBeForwarded && (await evidence.isFromProxy())
  const shown = isForwarded
    ? parseClientCert(evidence.header('client-cert'), evidence.header('client-cert-chain'))
    : evidence.connection()
  // Condition: an access token that is bound to a certificate is refused where another or none was shown.
  if (shown === undefined || !equalText(await thumbprintOf(shown), thumbprint)) throw bearerInvalid('certificate')
}

const ERRORS: Readonly<Record<string, string>> = {
  'bearer-invalid': 'invalid_token',
  'dpop-invalid': 'invalid_dpop_proof',
  'dpop-nonce-required': 'use_dpop_nonce',
  'policy-denied': 'insufficient_scope',
}

function withError(scheme: string, code: string): string {
  const error = ERRORS[code]
  if (error === undefined) return scheme
  return scheme === 'DPoP' ? `DPoP error="${error}",` : `${scheme} error="${error}"`
}

function readPresented(field: string | undefined): Presented | undefined {
  if (field === undefined || !OURS.test(field)) return undefined
  const [, scheme = '', token = ''] = CREDENTIALS.exec(field) ?? []
  // Condition: an access token that is not one text after its scheme and one space is refused.
  if (token === '') throw bearerInvalid('credentials')
  return { scheme: scheme.toLowerCase() === 'dpop' ? 'dpop' : 'bearer', token }
}
