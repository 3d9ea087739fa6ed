/// <reference lib="esnext.disposable" preserve="true" />
import type { AuditTrail } from '../audit/trail.ts'
import type { Code } from '../core/codes.ts'
import { CountersignError } from '../core/errors.ts'
import type { Engine } from './engine.ts'
import type { ClientOptions } from './outbound/call-options.ts'
import type { SecureInit } from './outbound/resolve.ts'
import type { SessionMatcher } from './sessions.ts'

/**
 * A `fetch` whose calls are identified, signed, sealed where asked, and whose answers were verified. It resolves only
 * with a response whose sender, freshness and bytes were verified, a signed 403 too. The body of an answer that streams
 * is verified piece by piece as it is read: reading it fails where it is not what was sent, or not all of it.
 */
export type SecureFetch = (input: string | URL | Request, init?: SecureInit) => Promise<Response>

/** One workload of this process: what it calls with, and what its guards are built from. */
export interface Workload extends AsyncDisposable {
  readonly id: string
  readonly audit: AuditTrail
  /** Calls any known peer; an origin that belongs to none is refused. */
  readonly fetch: SecureFetch
  /** A fetch that only one peer can answer, whatever the URL. */
  client(options: ClientOptions): SecureFetch
  /** Whether calls would work now, and the codes of what is wrong if not. */
  health(): { ok: boolean; problems: Code[] }
  /**
   * Ends sessions at once, at both ends: those that others have opened here, and those this workload has opened. A peer
   * whose session has ended calls with a signature, and is judged anew by its token. Gives the number of sessions.
   *
   * @example
   * ledger.endSessions(({ peer }) => peer === 'spiffe://acme.internal/orders')
   */
  endSessions(matches: SessionMatcher): number
  /** Stops watching files, flushes the audit trail, and refuses calls from then on. Twice is once. */
  close(): Promise<void>
}

const engines = new WeakMap<Workload, Engine>()

/** Ties a workload to its engine: what guards are built from, out of the users' sight. */
export function bindEngine(workload: Workload, engine: Engine): void {
  engines.set(workload, engine)
}

/** The engine of a workload of this copy of the library. */
export function engineOf(workload: Workload): Engine {
  const engine = engines.get(workload)
  // Condition: a guard for something that createWorkload did not make is refused.
  if (engine === undefined) {
    throw new CountersignError('option-invalid', {
      detail: {
        option: 'workload',
        fix: 'give what createWorkload of the same installed copy of countersign returned',
      },
    })
  }
  return engine
}
