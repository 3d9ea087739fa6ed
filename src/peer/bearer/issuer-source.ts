import { isJsonObject } from '../../core/json.ts'
import type { MaybePromise } from '../../core/maybe-promise.ts'
import { type IssuerKeys, readIssuerKeys, secretKeys } from '../../token/issuer-keys.ts'
import { trustInvalid } from '../../trust/bundle.ts'
import { readKeyDocument } from '../../trust/key-document.ts'
import { RemoteDocument } from '../../trust/remote-document.ts'
import type { Follower, RemoteKind } from '../../trust/remote-options.ts'
import { remoteUrl } from '../../trust/remote-url.ts'
import type { BearerRules } from './bearer-rules.ts'

/** Where the keys of an issuer come from. */
export interface IssuerSource {
  /** Counts the versions: what was cached under another one does not hold. */
  readonly generation: number
  /** Throws `trust-unavailable` where there are no keys, or none that still count. */
  keys(): MaybePromise<IssuerKeys>
  /** Looks for a newer version, since a key is asked for that is not known; tells whether there is one. */
  renew(): Promise<boolean>
  close(): void
}

const WELL_KNOWN = '/.well-known/openid-configuration'

/** What the options say of the keys of an issuer: keys at hand, or where they are. Throws where they are no such thing. */
export function issuerKind(rules: BearerRules): IssuerKeys | RemoteKind<IssuerKeys> {
  const { issuer, options, secret } = rules
  const { keys } = options
  if (secret !== undefined) return secretKeys(secret)
  if (keys === undefined) {
    const url = remoteUrl('bearerToken.issuer', issuer.replace(/\/$/, '') + WELL_KNOWN)
    return { url, parse, locate: (json) => locate(json, issuer, url.origin) }
  }
  if (typeof keys === 'string' || keys instanceof URL) return { url: remoteUrl('bearerToken.keys', keys), parse }
  return parse(keys)
}

function parse(json: unknown): IssuerKeys {
  return readIssuerKeys(readKeyDocument(json, undefined))
}

/** Reads where an issuer has its keys from what it says of itself (OpenID Connect Discovery §4.3, RFC 8414 §3.3). */
function locate(json: unknown, issuer: string, origin: string): URL {
  const { issuer: named, jwks_uri: place } = isJsonObject(json) ? json : {}
  // Condition: keys are not looked for where another issuer speaks.
  if (named !== issuer) throw trustInvalid('issuer', 'what is there is the metadata of another issuer')
  // Condition: keys that an issuer has at another origin than its own are not fetched unless their URL is configured.
  if (typeof place !== 'string' || !URL.canParse(place) || new URL(place).origin !== origin) {
    throw trustInvalid('jwks_uri', 'it is not at the origin of the issuer: give its URL as "keys"')
  }
  return new URL(place)
}

/** Follows the keys of an issuer for as long as a workload lives; the first fetch begins at once. */
export function followIssuer(rules: BearerRules, follower: Follower): IssuerSource {
  const kind = issuerKind(rules)
  if ('find' in kind) return { generation: 1, keys: () => kind, renew: async () => false, close: () => undefined }
  const document = new RemoteDocument(kind, rules.options, follower)
  // Who comes before the first version waits for it; that there is none is in the trail.
  document.latest().catch(() => undefined)
  return {
    get generation() {
      return document.generation
    },
    keys: () => document.soon(),
    renew: () => document.renew(),
    close: () => document.close(),
  }
}
