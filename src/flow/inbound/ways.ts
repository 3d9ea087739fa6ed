import { CountersignError } from '../../core/errors.ts'
import type { Peer } from '../../identity/peer.ts'
import {
  type Authenticator,
  BIND,
  type BoundAuthenticator,
  isBound,
  isOwn,
  type Surroundings,
} from '../../peer/authenticator.ts'
import { CertificateJudge } from '../../peer/certificate/certificate-judge.ts'
import type { Suspect } from '../../trust/trust.ts'
import type { Engine } from '../engine.ts'

/** A way to find out who calls, as a guard uses it. */
export type Way = Authenticator | BoundAuthenticator

/** Binds the authenticators of the library to the workload; they are closed with it. */
export function bindWays(accept: readonly Authenticator[], engine: Engine, around: Surroundings): readonly Way[] {
  const ways = accept.flatMap((one): readonly Way[] => {
    if (!isOwn(one)) return [one]
    const alike = accept.filter((other) => isOwn(other) && other.name === one.name)
    // All that are alike are one way, in the place of the first.
    return alike[0] === one ? [one[BIND](around, alike)] : []
  })
  for (const way of ways) if (isBound(way)) engine.onClose(() => way.close())
  return Object.freeze(ways)
}

const shared = new WeakMap<Engine, WeakMap<object, unknown>>()

/** Made for the first guard of a workload that asks, and the same for all others. */
function sharedOf<T>(engine: Engine, key: object, make: () => T): T {
  const known = shared.get(engine) ?? new WeakMap<object, unknown>()
  shared.set(engine, known)
  if (!known.has(key)) known.set(key, make())
  return known.get(key) as T
}

/** One judge for all who ask, made for the first. */
function judgeOf(around: () => Surroundings): () => CertificateJudge {
  let judge: CertificateJudge | undefined
  return () => {
    judge ??= new CertificateJudge(around())
    return judge
  }
}

/** What of a workload the authenticators of the library may know. */
export function surroundingsOf(engine: Engine): Surroundings {
  const { id, clock, toleranceSeconds, report, replay, audiences, trust, proven } = engine
  const certificates = judgeOf(() => around)
  const around: Surroundings = Object.freeze({
    id,
    clock,
    toleranceSeconds,
    report,
    replay,
    urls: () => [...audiences, ...trust.current().originsOf(id)],
    isRevoked: (what: Suspect) => trust.current().isRevoked(what),
    watch: (workload: string) => proven.watch(workload),
    trust: () => trust.current(),
    shared: <T>(key: object, make: () => T) => sharedOf(engine, key, make),
    renewTrust: (origin: string) => trust.renew(origin),
    certificates,
  })
  return around
}

/** Whether who proves nothing is told how to authenticate, by a 401. */
export function challenges(ways: readonly Way[]): boolean {
  return challengeFields(ways, new CountersignError('authentication-required')).length > 0
}

/** The fields of a 401 (RFC 9110 §11.6.1): a challenge for each way, in the order of their listing; and of a 403. */
export function challengeFields(ways: readonly Way[], error: CountersignError, peer?: Peer): readonly string[] {
  const asked = error.status === 401 ? ways : ways.filter((way) => mayDoBetter(way, error, peer))
  return asked.flatMap((way) => {
    if (isBound(way)) return way.challenge(error)
    return way.challenge === undefined ? [] : ['WWW-Authenticate', way.challenge]
  })
}

/** Whom a policy denies may get further with other credentials of the same kind (RFC 6750 §3.1). */
function mayDoBetter(way: Way, error: CountersignError, peer: Peer | undefined): boolean {
  return error.code === 'policy-denied' && isBound(way) && way.name === peer?.authenticatedBy
}

/** The fields in which callers show secrets, which are for nobody but the guard. */
export function secretsOf(ways: readonly Way[], which: 'secrets' | 'handedOn'): ReadonlySet<string> {
  return new Set(ways.flatMap((way) => (isBound(way) ? way[which] : [])))
}
