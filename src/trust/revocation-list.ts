import { platform } from '#platform'
import { utf8 } from '../core/bytes.ts'
import { systemClock } from '../core/clock.ts'
import { checkOptions } from '../core/options.ts'
import { type BoundTrust, FOLLOW, type FollowedTrustSource } from './bound-source.ts'
import { parseBundle, type Revoked } from './bundle.ts'
import { RemoteDocument } from './remote-document.ts'
import type { Follower, FollowOptions, RemoteKind } from './remote-options.ts'
import { remoteUrl } from './remote-url.ts'
import { followOptionsSchema } from './schema.ts'
import type { TrustSource } from './trust-source.ts'

/** A list is worth something only while it is new. */
const REFRESH_SECONDS = 10

/**
 * Gives what was revoked from a URL: `{ "workloads": [identifier…], "keys": [kid…], "tokens": [jti…] }`. It brings no keys and
 * no origins, so whoever answers there can take trust away and give none. Put it beside the others:
 * `mergeTrust(trustFile(path), revocationUrl(url))`.
 *
 * It is fetched every 10 seconds (`refreshSeconds`), by its ETag where it has one. What is on it ends at once: tokens,
 * sessions and connections alike are judged by it at their next call (`token-revoked`, `bearer-invalid`). While it cannot
 * be had its last version counts (`trust.unreachable` in the trail); past `maxStaleSeconds`, an hour by default, every
 * call is refused with 503 and `trust-unavailable`, because anybody might be on it.
 *
 * @param url an `https` URL, or `http` on this machine
 * @throws {CountersignError} `option-invalid`; when it is loaded `trust-unavailable` without a first version
 * @example
 * const trust = mergeTrust(trustFile('countersign/trust.json'), revocationUrl('https://security.acme.internal/revoked'))
 */
export function revocationUrl(url: string | URL, options: FollowOptions = {}): TrustSource {
  const checked = checkOptions(followOptionsSchema, options, 'revocationUrl')
  return listSource({ url: remoteUrl('revocationUrl', url), parse: parseList }, checked)
}

/**
 * Gives what was revoked from a file, as `revocationUrl` does from a URL: looked at every 10 seconds (`refreshSeconds`). A file
 * that is gone or cannot be read keeps its last version, and past `maxStaleSeconds` every call is refused.
 *
 * @param path who can write the file can refuse everybody, and let nobody in
 * @throws {CountersignError} `option-invalid`; when it is loaded `trust-unavailable` where it cannot be read, `no-disk`
 * @example
 * const trust = mergeTrust(trustFile('countersign/trust.json'), revocationFile('/run/security/revoked.json'))
 */
export function revocationFile(path: string, options: Omit<FollowOptions, 'fetch' | 'snapshot'> = {}): TrustSource {
  const checked = checkOptions(followOptionsSchema, options, 'revocationFile')
  const fetch = async () => new Response(utf8(await platform.readText(path)))
  return listSource({ url: new URL('file:'), name: path, parse: parseList }, { ...checked, fetch })
}

function parseList(json: unknown): Revoked {
  return parseBundle({ revoked: json }).revoked ?? {}
}

function listSource(kind: RemoteKind<Revoked>, given: FollowOptions): TrustSource {
  const options = { ...given, refreshSeconds: given.refreshSeconds ?? REFRESH_SECONDS }
  const source: FollowedTrustSource = {
    async load() {
      const document = new RemoteDocument(kind, options, { clock: systemClock, report: () => undefined })
      try {
        return { revoked: await document.latest() }
      } finally {
        document.close()
      }
    },
    [FOLLOW]: (follower) => follow(kind, options, follower),
  }
  return Object.freeze(source)
}

function follow(kind: RemoteKind<Revoked>, options: FollowOptions, follower: Follower): BoundTrust {
  let changed = () => {}
  const document = new RemoteDocument(kind, options, follower, () => changed())
  return {
    load: async () => ({ revoked: await document.latest() }),
    watch(callback) {
      changed = callback
      return { close: () => document.close() }
    },
    remote: { domains: new Map(), lists: [document] },
  }
}
