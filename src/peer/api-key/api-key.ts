import { CountersignError } from '../../core/errors.ts'
import { andThen } from '../../core/maybe-promise.ts'
import { checkOptions } from '../../core/options.ts'
import { API_KEY, type Peer } from '../../identity/peer.ts'
import { isDemanded, isProofField, isUnproven } from '../../signature/coverage.ts'
import { type Authenticator, type Evidence, ownAuthenticator, type Surroundings } from '../authenticator.ts'
import type { ApiKeyOptions } from './api-key-options.ts'
import { checkKey } from './check.ts'
import { isFollowed } from './followed.ts'
import { apiKeySchema } from './schema.ts'

const DEFAULT_HEADER = 'x-api-key'
const AUTHORIZATION = 'authorization'
const SCHEME = /^apikey */i
/** Behind a comma, too: two fields may have been joined on their way. */
const HAS_SCHEME = /(?:^|,[ \t]*)apikey(?![\w!#$%&'*+.^`|~-])/i

/** Browsers send it by themselves, meshes and gateways write the others. */
const MEANT_OTHERWISE = new Set([
  'cookie',
  'client-cert',
  'client-cert-chain',
  'x-forwarded-client-cert',
  'accept-envelope',
])

/**
 * Accepts API keys (`createApiKey`), for callers that are no workloads. The peer is `api-key:<owner>`, with the scopes of
 * the key; `peer.claims.keyId` is its id. A key alone opens only what a rule allows that lists `api-key` under
 * `authenticatedBy`. Checked are spelling, checksum, hash, revocation and end, in this order, and what trust has revoked; whatever fails is
 * `api-key-invalid` and 401. No handler sees the field.
 *
 * It proves that the caller has the key. It does not prove who made the request, that it is fresh, or that its target and
 * body are what the key's owner meant: whoever reads one request can make others. Serve it over TLS alone, and let
 * workloads use `workloadProof`.
 *
 * @param options the store and the header field; a key in the URL is never read
 * @throws {CountersignError} `option-invalid`; from a guard: `api-key-invalid` (401), `keys-unavailable` (503)
 * @example
 * const accept = [workloadProof(), apiKey({ store: apiKeyFile('countersign/api-keys.json') })]
 * app.use(guard(ledger, { policy, accept }))
 * @see RFC 9110 §11.6.1, RFC 6750 §5.3
 */
export function apiKey(options: ApiKeyOptions): Authenticator {
  const { store, header = DEFAULT_HEADER } = checkOptions(apiKeySchema, options, 'apiKey options')
  checkHeader(header)
  const isScheme = header === AUTHORIZATION
  const challenge = Object.freeze(['WWW-Authenticate', isScheme ? 'ApiKey' : `ApiKey header="${header}"`])
  const read = isScheme ? byScheme : (evidence: Evidence) => evidence.header(header)
  return ownAuthenticator(API_KEY, ({ clock, report, isRevoked }) => {
    if (isFollowed(store)) store.bindReport(report)
    return {
      secrets: Object.freeze([header]),
      authenticate(evidence) {
        const text = read(evidence)
        return text === undefined
          ? undefined
          : andThen(checkKey(store, clock, text), (peer) => assertTrusted(peer, isRevoked))
      },
      challenge: () => challenge,
      close() {
        return isFollowed(store) ? store.flush() : undefined
      },
    }
  })
}

/** What stands behind the scheme; undefined for other schemes. What holds a key among others is no key. */
function byScheme({ header }: Evidence): string | undefined {
  const value = header(AUTHORIZATION)
  return value !== undefined && HAS_SCHEME.test(value) ? value.replace(SCHEME, '') : undefined
}

/** What trust says of callers counts for those with keys, too, whatever their store says. */
function assertTrusted(peer: Peer, isRevoked: Surroundings['isRevoked']): Peer {
  const keyId = String(peer.claims.keyId)
  // Condition: an API key whose id or owner is revoked in the trust bundle is refused.
  if (isRevoked({ id: peer.id, keyId }))
    throw new CountersignError('api-key-invalid', { detail: { step: 'trust', keyId } })
  return peer
}

function checkHeader(name: string): void {
  const isTaken = isProofField(name) || isUnproven(name) || isDemanded(name) || MEANT_OTHERWISE.has(name)
  // Condition: a header field that means something else is refused as the place of API keys.
  if (isTaken && name !== AUTHORIZATION) {
    const fix = `"${name}" means something else: leave it out for ${DEFAULT_HEADER}, or give "${AUTHORIZATION}"`
    throw new CountersignError('option-invalid', { detail: { option: 'apiKey options.header', fix } })
  }
}
