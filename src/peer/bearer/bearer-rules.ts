import { utf8 } from '../../core/bytes.ts'
import { CountersignError } from '../../core/errors.ts'
import { checkOptions } from '../../core/options.ts'
import type { AccessTokenRules } from '../../token/access-token-rules.ts'
import type { BearerAlgorithm, BearerTokenOptions, DpopOptions } from './bearer-token-options.ts'
import { bearerTokenOptionsSchema } from './schema.ts'

/** One issuer, checked and completed once. */
export interface BearerRules extends AccessTokenRules {
  readonly options: BearerTokenOptions
  readonly dpop: DpopOptions
  readonly secret: Uint8Array | undefined
}

const ALGORITHMS: readonly BearerAlgorithm[] = ['ES256', 'ES384', 'EdDSA', 'Ed25519', 'PS256']
const PERMISSIONS: readonly string[] = ['scope', 'roles', 'groups', 'entitlements']
const LEAST_SECRET = 32

function invalid(option: string, fix: string): CountersignError {
  return new CountersignError('option-invalid', { detail: { option: `bearerToken.${option}`, fix } })
}

/** Checks the options of one issuer where they are given. */
export function readBearerRules(given: BearerTokenOptions): BearerRules {
  const options = checkOptions(bearerTokenOptionsSchema, given, 'bearerToken')
  const secret = secretOf(options)
  const algorithms = options.algorithms ?? (secret === undefined ? ALGORITHMS : ['HS256'])
  const areShared = algorithms.map((alg) => alg.startsWith('HS'))
  // Condition: algorithms with a shared secret stand with the secret alone, and no other stand beside them.
  if (areShared.some((isShared) => isShared !== (secret !== undefined))) {
    throw invalid('algorithms', 'HS256, HS384 and HS512 go with dangerouslySharedSecret, all others with keys')
  }
  return Object.freeze({
    issuer: options.issuer,
    audiences: typeof options.audience === 'string' ? [options.audience] : options.audience,
    algorithms: new Set<string>(algorithms),
    type: options.type ?? 'at+jwt',
    permissions: options.permissions ?? PERMISSIONS,
    maxLifetimeSeconds: options.maxLifetimeSeconds,
    options,
    dpop: options.dpop ?? {},
    secret,
  })
}

function secretOf({ dangerouslySharedSecret: given, keys }: BearerTokenOptions): Uint8Array | undefined {
  if (given === undefined) return undefined
  // Condition: an issuer with both a shared secret and keys is refused.
  if (keys !== undefined) throw invalid('dangerouslySharedSecret', 'give either a secret or keys')
  const secret = typeof given === 'string' ? utf8(given) : given.slice()
  // Condition: a shared secret of fewer than 32 bytes is refused.
  if (secret.length < LEAST_SECRET) throw invalid('dangerouslySharedSecret', 'give at least 32 random bytes')
  return secret
}

/** Refuses issuers whose callers could not be told apart. */
export function checkIssuers(issuers: readonly BearerRules[]): void {
  for (const [index, { issuer }] of issuers.entries()) {
    const clash = issuers.slice(index + 1).find((other) => overlap(issuer, other.issuer))
    // Condition: two issuers whose callers could have the same name are refused.
    if (clash !== undefined) throw invalid('issuer', `"${issuer}" and "${clash.issuer}" give callers the same names`)
  }
}

function overlap(one: string, other: string): boolean {
  const [first, second] = [callerPrefix(one), callerPrefix(other)]
  return first.startsWith(second) || second.startsWith(first)
}

/** What the names of an issuer's callers begin with. One that ends in a slash gets no second: no pattern would cover it. */
export function callerPrefix(issuer: string): string {
  return issuer.endsWith('/') ? issuer : `${issuer}/`
}
