import { type Authenticator, ownAuthenticator } from '../authenticator.ts'
import { type BearerRules, readBearerRules } from './bearer-rules.ts'
import type { BearerTokenOptions } from './bearer-token-options.ts'
import { bindBearers } from './bearer-way.ts'
import { issuerKind } from './issuer-source.ts'

const RULES = Symbol('countersign.bearer-token')

interface BearerAuthenticator extends Authenticator {
  readonly [RULES]: BearerRules
}

function isBearer(one: Authenticator): one is BearerAuthenticator {
  return RULES in one
}

/**
 * Accepts access tokens of one issuer (RFC 9068), for callers that are no workloads: people behind a browser or an app,
 * jobs of partners. List it once for each issuer: a token is judged by the rules of the issuer that it names, and one
 * that names no issuer of the list is refused. The peer is `<issuer>/<sub>`, `authenticatedBy` is `bearer`, and its scopes
 * are what `scope`, `roles`, `groups` and `entitlements` say, which the `scope` of a policy reads.
 *
 * It proves that the issuer made the token for this service and that it holds now. Whoever has read a bearer token can use
 * it; one that is bound to a key (`cnf.jkt`) is taken with a DPoP proof by that key alone, once. Neither proves the body or
 * the query, and neither lets the caller know who answered: workloads use `workloadProof()`.
 *
 * Refusals are 401 with `WWW-Authenticate`: `bearer-invalid`, `dpop-invalid`, `dpop-nonce-required`. While the issuer
 * cannot be reached the keys it published last count, for an hour by default; after that calls are refused with 503 and
 * `trust-unavailable`. `Authorization` and `DPoP` do not reach handlers: what the
 * token says is in `peer.claims`.
 *
 * DPoP proofs name the URL that was called: give the workload its own in `audiences`, or `origins` in the trust bundle.
 *
 * @throws {CountersignError} `option-invalid`; `trust-invalid` for a set of keys that is none
 * @example
 * const login = bearerToken({ issuer: 'https://login.acme.com', audience: 'https://api.acme.com' })
 * app.use(guard(ledger, { policy, accept: [workloadProof(), login] }))
 * @see RFC 9068 §4, RFC 8725 §3, RFC 6750 §3, RFC 9449 §4.3 and §7
 */
export function bearerToken(options: BearerTokenOptions): Authenticator {
  const rules = readBearerRules(options)
  issuerKind(rules)
  const own = ownAuthenticator('bearer', (around, alike) =>
    bindBearers(
      alike.filter(isBearer).map((one) => one[RULES]),
      around,
    ),
  )
  const authenticator: BearerAuthenticator = { ...own, [RULES]: rules }
  return Object.freeze(authenticator)
}
