/// <reference lib="esnext.disposable" preserve="true" />
import { type Clock, systemClock } from '../core/clock.ts'
import type { Code } from '../core/codes.ts'
import { CountersignError } from '../core/errors.ts'
import { checkOptions } from '../core/options.ts'
import type { Jwk } from '../crypto/primitives.ts'
import { suiteOfKey } from '../crypto/suites.ts'
import type { CredentialSource } from '../keys/credentials.ts'
import { type JwkSet, thumbprint } from '../keys/jwk.ts'
import { FollowedKeys } from './followed-keys.ts'
import { gateToken } from './gate.ts'
import { type MintedToken, mint } from './mint.ts'
import { issueTokenOptionsSchema, tokenIssuerOptionsSchema } from './schema.ts'
import { serveKeys } from './serve-keys.ts'
import type { IssueTokenOptions, TokenIssuerOptions } from './token-issuer-options.ts'

/** What `issueToken` gives: a token and its `jti`, by which it can be revoked. `expiresAt` is epoch milliseconds. */
export type IssuedToken = MintedToken

/** Issues access tokens, and publishes the keys to verify them with. */
export interface TokenIssuer extends Disposable {
  /** As it stands in `iss`. */
  readonly issuer: string
  /**
   * Issues an access token (RFC 9068). It does not ask who wants it: whoever calls this decides who gets what.
   *
   * @throws `option-invalid`: it names the option and the fix
   * @example
   * const { token } = await tokens.issueToken({ subject: 'nightly-export', audience: 'https://api.acme.com' })
   */
  issueToken(options: IssueTokenOptions): Promise<IssuedToken>
  /** The public keys, as they are now: the one that signs and those that were or will be. */
  jwks(): JwkSet
  /**
   * Answers a request for the public keys: `application/jwk-set+json`, to be kept for 300 seconds, with an ETag. They are for
   * everybody: no guard needs to stand before it.
   */
  handler(request: Request): Response
  /** Whether the newest version of the keys is in use; a broken one is not, and the one before stays. */
  health(): { readonly ok: boolean; readonly problems: readonly Code[] }
  /** Stops watching the keys. Those read last stay in use. */
  close(): void
}

const DEFAULT_LIFETIME_SECONDS = 300

/**
 * Makes an issuer of access tokens (RFC 9068), for teams without an identity provider: jobs and partners get a token from you,
 * your services take it with `bearerToken({ issuer, audience, keys })`, and so does every other library that verifies by a
 * JWK Set.
 *
 * A token proves that this issuer made it for that audience, and until when. It does not prove that whoever sends it is whom it
 * was given to, unless it has a `confirmation`. There is no login, no refresh token and no consent here, and a token that was
 * issued holds until it expires: only the services that list its `tokenId` in `revoked.tokens` of their trust bundle
 * refuse it earlier, so let tokens live for minutes.
 *
 * To change the key that signs publish the new one behind it first, wait until everybody has fetched the set anew (300 seconds
 * for those who heed its cache headers), put it first, and take the old one out when its last token has expired.
 *
 * @throws `option-invalid`, `credentials-invalid`, `no-disk`: each names the option and the fix
 * @example
 * const tokens = await createTokenIssuer({
 *   issuer: 'https://api.acme.com',
 *   keys: credentialFile('countersign/issuer.json'),
 * })
 * const { token, expiresAt } = await tokens.issueToken({
 *   subject: 'nightly-export',
 *   audience: 'https://ledger.acme.com',
 *   permissions: ['entries:read'],
 * })
 * @see RFC 9068 §2, RFC 7517 §5, RFC 7800 §3
 */
export async function createTokenIssuer(options: TokenIssuerOptions): Promise<TokenIssuer> {
  const {
    issuer,
    keys: given,
    clock = systemClock,
  } = checkOptions(tokenIssuerOptionsSchema, options, 'createTokenIssuer')
  const keys = await FollowedKeys.follow(sourceOf(given))
  return Object.freeze({
    issuer,
    issueToken: (wanted: IssueTokenOptions) => issue({ issuer, keys, clock }, wanted),
    jwks: () => keys.current().published,
    handler: (request: Request) => serveKeys(keys.current(), request),
    health() {
      const problems = keys.problems()
      return { ok: problems.length === 0, problems }
    },
    close: () => keys.close(),
    [Symbol.dispose]: () => keys.close(),
  })
}

function sourceOf(given: TokenIssuerOptions['keys']): CredentialSource {
  if ('load' in given) return given
  const { keys } = given
  return { load: () => ({ keys }) }
}

interface Issuing {
  readonly issuer: string
  readonly keys: FollowedKeys
  readonly clock: Clock
}

async function issue({ issuer, keys, clock }: Issuing, given: IssueTokenOptions): Promise<IssuedToken> {
  const options = checkOptions(issueTokenOptionsSchema, given, 'issueToken')
  const { subject, audience, permissions = [], lifetimeSeconds = DEFAULT_LIFETIME_SECONDS, confirmation } = options
  const claims = {
    ...options.claims,
    iss: issuer,
    sub: subject,
    aud: audience,
    client_id: options.clientId ?? subject,
    ...(permissions.length === 0 ? {} : { scope: permissions.join(' ') }),
    ...(confirmation === undefined ? {} : { cnf: { jkt: await holderOf(confirmation) } }),
  }
  const { signer, keyId } = keys.current()
  const minted = await mint({ signer, header: { typ: 'at+jwt', kid: keyId }, claims, lifetimeSeconds, clock })
  assertTakeable(minted.token)
  return Object.freeze(minted)
}

/** By what the key of a holder is named (RFC 9449 §6.1). */
function holderOf(key: Jwk): Promise<string> {
  // Condition: an access token is not bound to a key that can make no proof.
  suiteOfKey(key)
  return thumbprint(key)
}

function assertTakeable(token: string): void {
  try {
    gateToken(token)
  } catch {
    // Condition: an access token that is too large to be taken by anybody is not issued.
    const fix = 'say less: a token has at most 8 KiB, and is not nested deeper than 16 levels'
    throw new CountersignError('option-invalid', { detail: { option: 'issueToken.claims', fix } })
  }
}
