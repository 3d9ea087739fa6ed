import type { Clock } from '../core/clock.ts'
import type { CountersignError } from '../core/errors.ts'
import type { MaybePromise } from '../core/maybe-promise.ts'
import type { Report } from '../core/notice.ts'
import type { Peer } from '../identity/peer.ts'
import type { ReplayStore } from '../replay/store.ts'
import type { Suspect, Trust } from '../trust/trust.ts'
import type { ShownCertificate } from '../trust/verify-certificate.ts'
import type { CertificateJudge } from './certificate/certificate-judge.ts'

/** What an authenticator may look at. Header values are as they arrived: nothing in them is proven yet. */
export interface Evidence {
  readonly method: string
  readonly target: string
  readonly address?: string
  header(name: string): string | undefined
}

/** What the library's own authenticators may look at besides. */
export interface OwnEvidence extends Evidence {
  /** The certificate that the other end of the connection has shown, and holds the key of. Nobody has vouched for it yet. */
  connection(): ShownCertificate | undefined
  /** Whether the other end is a hop that the guard was told to believe. */
  isFromProxy(): MaybePromise<boolean>
  /** Whether the guard was told to believe a hop of this name. */
  isProxy(name: string): boolean
}

/** What an authenticator has established. */
export interface Established {
  readonly id: string
  readonly scopes?: readonly string[]
  readonly claims?: Readonly<Record<string, unknown>>
}

/**
 * One way to tell who calls. `undefined` means that the request carries no evidence of this kind; a throw means that
 * it does, and that it is bad: nothing falls through to a weaker way.
 */
export interface Authenticator {
  readonly name: string
  /** The `WWW-Authenticate` challenge of this way, where it has one: refusals for want of a proof are 401 then. */
  readonly challenge?: string
  authenticate(evidence: Evidence): MaybePromise<Established | undefined>
}

/** What of a workload an authenticator of the library's own may know. */
export interface Surroundings {
  /** The workload that is called. */
  readonly id: string
  readonly clock: Clock
  readonly toleranceSeconds: number
  readonly report: Report
  readonly replay: ReplayStore
  /** The origins and URL prefixes at which the workload answers, by its own configuration alone. */
  urls(): readonly string[]
  isRevoked(what: Suspect): boolean
  /** The version of trust that counts now. */
  trust(): Trust
  /** Looks for a newer version, since a key of this trust domain is not known; undefined where there is none. */
  renewTrust(origin: string): Promise<Trust | undefined>
  /** What judges the certificates of callers. Throws `no-certificates` where the runtime has none. */
  certificates(): CertificateJudge
  /** What all guards of the workload that use one authenticator have in common: made once for a key. */
  shared<T>(key: object, make: () => T): T
  /** Gives whether a workload has proven itself here since. */
  watch(workload: string): () => boolean
}

const BOUND: unique symbol = Symbol('countersign.bound-authenticator')

/** An authenticator of the library's own at work for one guard. What it throws is refused by its own code. */
export interface BoundAuthenticator {
  readonly [BOUND]: true
  readonly name: string
  authenticate(evidence: OwnEvidence): MaybePromise<Peer | undefined>
  /** The header fields, in lower case, whose values are secrets of callers: no handler sees them. */
  readonly secrets: readonly string[]
  /** Those in which a workload that signs may hand on a secret of somebody else: handlers see them where it is covered. */
  readonly handedOn: readonly string[]
  /** The header fields (name, value, …) of a refusal that say how to authenticate here. */
  challenge(error: CountersignError): readonly string[]
  close(): MaybePromise<void>
}

type Defaulted = 'secrets' | 'handedOn'

/** What an authenticator of the library's own does once it is bound. */
export type BoundWay = Omit<BoundAuthenticator, 'name' | Defaulted | typeof BOUND> &
  Partial<Pick<BoundAuthenticator, Defaulted>>

/** Where an authenticator of the library's own is bound to the workload it serves. */
export const BIND = Symbol('countersign.authenticator')

/** Binds to a workload one authenticator, for itself and for all that are alike in the same list. */
export type Bind<T> = (around: Surroundings, alike: readonly Authenticator[]) => T

/** An authenticator of the library's own, as it is handed around before there is a workload. */
export interface OwnAuthenticator extends Authenticator {
  readonly [BIND]: Bind<BoundAuthenticator>
}

/** Tells an authenticator of the library's own from one of the user's. */
export function isOwn(authenticator: Authenticator): authenticator is OwnAuthenticator {
  return BIND in authenticator
}

/** Tells an authenticator of the library's own at work from one of the user's. */
export function isBound(way: Authenticator | BoundAuthenticator): way is BoundAuthenticator {
  return BOUND in way
}

/** Makes an authenticator that does its work only where it was bound to a workload. */
export function ownAuthenticator(name: string, bind: Bind<BoundWay>): OwnAuthenticator {
  const own: OwnAuthenticator = {
    name,
    authenticate: () => undefined,
    [BIND]: (around, alike) =>
      Object.freeze({ [BOUND]: true as const, name, secrets: [], handedOn: [], ...bind(around, alike) }),
  }
  return Object.freeze(own)
}
