import { systemClock } from '../core/clock.ts'
import { checkOptions } from '../core/options.ts'
import { type BoundTrust, FOLLOW, type FollowedTrustSource } from './bound-source.ts'
import { type TrustBundle, trustInvalid, trustOriginOf } from './bundle.ts'
import { readCaCertificate, trimEntry } from './ca-certificate.ts'
import { checkNames, type KeyDocument, readKeyDocument } from './key-document.ts'
import { RemoteDocument } from './remote-document.ts'
import type { Follower, RemoteKind } from './remote-options.ts'
import { remoteUrl } from './remote-url.ts'
import { isAnchor, trustUrlOptionsSchema } from './schema.ts'
import type { TrustSource } from './trust-source.ts'
import type { TrustUrlOptions } from './trust-url-options.ts'

/** Takes over the keys that may vouch for tokens, and the CA certificates; other uses and other types are passed over. */
function readDomain(json: unknown, before: KeyDocument | undefined): KeyDocument {
  const document = readKeyDocument(json, before)
  const keys = document.keys.filter(isAnchor)
  checkNames(keys)
  const authorities = document.keys.filter((jwk) => readCaCertificate(jwk) !== undefined).map(trimEntry)
  return { ...document, keys: [...keys, ...authorities] }
}

function bundleOf({ trustDomain, issuers }: TrustUrlOptions, { keys }: KeyDocument): TrustBundle {
  return { trust_domains: { [trustDomain]: { keys, ...(issuers === undefined ? {} : { issuers }) } } }
}

/**
 * Gives trust from a URL: a JWK Set or a SPIFFE bundle, for the keys of one trust domain alone. It is fetched when the
 * workload starts and then in the background: by its cache headers or refresh hint, one fetch at a time, a redirect only
 * within its origin. While its server is down what was fetched last counts, for an hour by default; after that tokens of
 * this domain are refused with 503 and `trust-unavailable`, never as if they were bad. A key id that nobody knows leads to
 * one fetch in each cooldown. The trail tells when the server fails (`trust.unreachable`), when the bound has passed
 * (`trust.stale`) and when it is back (`trust.recovered`, with how often older keys were used meanwhile).
 *
 * It proves that whoever answers at that URL under its TLS certificate speaks for the trust domain, because you say so
 * here; nothing found in a token or in the document changes that.
 *
 * @param url an `https` URL, or `http` on this machine
 * @throws {CountersignError} `option-invalid`; when it is loaded `trust-unavailable` where neither the server nor the
 *   snapshot has a version, `trust-invalid` for a document that is none
 * @example
 * const trust = trustUrl('https://spire.acme.internal/bundle', { trustDomain: 'acme.internal' })
 * @see SPIFFE Trust Domain and Bundle §4, SPIFFE Federation §5, RFC 7517 §5
 */
export function trustUrl(url: string | URL, options: TrustUrlOptions): TrustSource {
  const checked = checkOptions(trustUrlOptionsSchema, options, 'trustUrl')
  const origin = trustOriginOf(checked.trustDomain)
  // Condition: a URL that is to speak for a trust domain without a valid name is refused.
  if (origin === undefined) throw trustInvalid('trustUrl.trustDomain', 'write acme.internal or wimse://acme.internal')
  const kind = { url: remoteUrl('trustUrl', url), parse: readDomain, hintSeconds: hintOf }
  const source: FollowedTrustSource = {
    async load() {
      const document = new RemoteDocument(kind, checked, { clock: systemClock, report: () => undefined })
      try {
        return bundleOf(checked, await document.latest())
      } finally {
        document.close()
      }
    },
    [FOLLOW]: (follower) => follow(kind, { options: checked, origin }, follower),
  }
  return Object.freeze(source)
}

function hintOf(document: KeyDocument): number | undefined {
  return document.refreshHintSeconds
}

interface Speaker {
  readonly options: TrustUrlOptions
  readonly origin: string
}

function follow(kind: RemoteKind<KeyDocument>, { options, origin }: Speaker, follower: Follower): BoundTrust {
  let changed = () => {}
  const document = new RemoteDocument(kind, options, follower, () => changed())
  return {
    load: async () => bundleOf(options, await document.latest()),
    watch(callback) {
      changed = callback
      return { close: () => document.close() }
    },
    remote: { domains: new Map([[origin, document]]), lists: [] },
  }
}
