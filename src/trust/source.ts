import { fileSource } from '../keys/file-source.ts'
import type { Watch } from '../platform/platform.ts'
import { bindSource, FOLLOW, type FollowedTrustSource } from './bound-source.ts'
import { parseBundle, type TrustBundle } from './bundle.ts'
import { mergeBundles } from './merge.ts'
import { KeptMerge } from './merge-kept.ts'
import type { TrustSource } from './trust-source.ts'

/**
 * Gives trust from memory: a bundle in code. Who may speak for whom is decided by nothing but this document.
 *
 * @param bundle trust domains, workloads and what is revoked; a copy is taken
 * @throws `trust-invalid` naming the place in the document
 * @example
 * const trust = trustBundle({ trust_domains: { 'acme.internal': { keys: [publicJwk(key)] } } })
 * @see draft-ietf-wimse-workload-creds, SPIFFE Trust Domain and Bundle §4
 */
export function trustBundle(bundle: TrustBundle): TrustSource {
  const parsed = parseBundle(bundle)
  return Object.freeze({ load: () => parsed })
}

/**
 * Reads the trust bundle from a file and again whenever it changes. An invalid new version keeps the one before.
 *
 * @param path the file, as `countersign init` writes it; who can write it decides whom this process believes
 * @throws `trust-invalid` when it is loaded, naming file and place; `no-disk` where there is none
 * @example
 * const workload = await createWorkload({ id, credentials, trust: trustFile('countersign/trust.json') })
 * @see SPIFFE Trust Domain and Bundle §4
 */
export function trustFile(path: string): TrustSource {
  return fileSource(path, (text) => parseBundle(JSON.parse(text)), 'trust-invalid')
}

/**
 * Puts several sources together. Each speaks for trust domains, workloads and origins of its own: who controls one
 * source cannot speak for what another vouches for. What any of them revokes is revoked. Of a source that breaks later the
 * last good version stays; the others go on.
 *
 * @param sources any sources; a change of one loads all of them again
 * @throws `trust-invalid` when it is loaded and two sources speak for one trust domain, workload or origin
 * @example
 * const trust = mergeTrust(trustFile('countersign/trust.json'), trustBundle(partners))
 */
export function mergeTrust(...sources: TrustSource[]): TrustSource {
  const merged: FollowedTrustSource = {
    load: async () => mergeBundles((await Promise.all(sources.map((source) => source.load()))).map(parseBundle)),
    watch: (changed) => watchAll(sources, changed),
    [FOLLOW](follower) {
      const bound = sources.map((source) => bindSource(source, follower))
      const merge = new KeptMerge(bound, follower.report)
      return {
        load: () => merge.load(),
        watch: (changed) => watchAll(bound, changed),
        remote: {
          domains: new Map(bound.flatMap(({ remote }) => [...remote.domains])),
          lists: bound.flatMap(({ remote }) => remote.lists),
        },
      }
    },
  }
  return Object.freeze(merged)
}

function watchAll(sources: readonly TrustSource[], changed: () => void): Watch {
  const watches = sources.map((source) => source.watch?.(changed))
  return {
    close() {
      for (const watch of watches) watch?.close()
    },
  }
}
