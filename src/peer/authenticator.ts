import type { MaybePromise } from '../core/maybe-promise.ts'

/** What an authenticator may look at. Header values are as they arrived: nothing in them is proven yet. */
export interface Evidence {
  readonly method: string
  readonly target: string
  readonly address?: string
  header(name: string): string | undefined
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
  /** The `WWW-Authenticate` challenge of this way, where it has one. */
  readonly challenge?: string
  authenticate(evidence: Evidence): MaybePromise<Established | undefined>
}
