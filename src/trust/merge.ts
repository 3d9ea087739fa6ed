import { readWorkloadId } from '../identity/workload-id.ts'
import {
  parseBundle,
  type Revoked,
  type TrustBundle,
  trustInvalid,
  trustOriginOf,
  type WorkloadEntry,
} from './bundle.ts'

function vouches({ keys, seal, audit }: WorkloadEntry): boolean {
  return (keys ?? seal ?? audit) !== undefined
}

/** The trust origins a bundle speaks for: its domains, and those whose workloads it knows keys of. */
function trustOriginsOf(bundle: TrustBundle): Set<string> {
  const origins = new Set(Object.keys(bundle.trust_domains ?? {}).map((name) => trustOriginOf(name) ?? name))
  for (const [id, entry] of Object.entries(bundle.workloads ?? {})) {
    if (vouches(entry)) origins.add(readWorkloadId(id)?.origin ?? id)
  }
  return origins
}

function checkApart(bundles: readonly TrustBundle[]): void {
  const origins = new Set<string>()
  const workloads = new Set<string>()
  for (const bundle of bundles) {
    for (const origin of trustOriginsOf(bundle)) {
      // Condition: two sources that speak for one trust domain are refused.
      if (origins.has(origin)) throw trustInvalid(origin, 'two sources speak for this trust domain: let one of them')
      origins.add(origin)
    }
    for (const id of Object.keys(bundle.workloads ?? {})) {
      // Condition: two sources that speak for one workload are refused.
      if (workloads.has(id)) throw trustInvalid(id, 'two sources speak for this workload: let one of them')
      workloads.add(id)
    }
  }
}

function allRevoked(bundles: readonly TrustBundle[], what: keyof Revoked): readonly string[] {
  return bundles.flatMap((bundle) => bundle.revoked?.[what] ?? [])
}

/** Joins bundles that speak for different things; the result is checked as a whole, so no key or origin is shared. */
export function mergeBundles(bundles: readonly TrustBundle[]): TrustBundle {
  checkApart(bundles)
  return parseBundle({
    trust_domains: Object.assign({}, ...bundles.map((bundle) => bundle.trust_domains)),
    workloads: Object.assign({}, ...bundles.map((bundle) => bundle.workloads)),
    revoked: {
      workloads: allRevoked(bundles, 'workloads'),
      keys: allRevoked(bundles, 'keys'),
      tokens: allRevoked(bundles, 'tokens'),
    },
  })
}
