import type { Clock } from '../core/clock.ts'
import { CountersignError, type ErrorDetail, isCountersignError } from '../core/errors.ts'
import type { MaybePromise } from '../core/maybe-promise.ts'
import type { Report } from '../core/notice.ts'
import { fileSource } from '../keys/file-source.ts'
import type { Source } from '../keys/source.ts'
import type { Watch } from '../platform/platform.ts'
import type { CompiledPolicy } from './compile.ts'
import { decide } from './decide.ts'
import type { Authorizer, Decision, PolicyQuestion } from './decision.ts'
import { type Explanation, explain } from './explain.ts'
import { clockOf, compileDocument, type Policy } from './policy.ts'
import type { PolicyOptions } from './policy-options.ts'

/** A policy that follows a file. It is a `Policy` but for its first moment: until the file is read, `decide` waits. */
export interface PolicyFile extends Authorizer, Omit<Policy, 'decide'> {
  /** At once when the file has been read, before that with a promise. Throws as long as no version could be used. */
  decide(question: PolicyQuestion): MaybePromise<Decision>
  /** Resolves when a version of the file is in use; rejects with what is wrong with it where there is none. */
  ready(): Promise<void>
  /** Stops watching. What was read last stays in use. */
  close(): void
}

/** What a guard does besides deciding: it hands over how changes are told to its audit trail. */
export interface ReportingPolicyFile extends PolicyFile {
  bindReport(report: Report): void
}

/**
 * Makes a policy from a JSON file (`PolicyDocument`), read at once and watched. A valid new version takes the place of the
 * old one as a whole, between two decisions; of an invalid one nothing is obeyed, the old one stays, and the audit trail
 * says so (`policy.rejected`, with the place and the fix).
 *
 * Fail closed: until the first version is read, decisions wait; where it cannot be used, every decision throws, the guard
 * answers 503, and a corrected file mends it without a restart. It does not prove who wrote the file: who can write it
 * decides who may call.
 *
 * @param path where the file is; relative to the working directory
 * @throws `no-disk` where the runtime has none, `option-invalid`; from `ready()` and `decide`: `policy-invalid` naming file,
 * place and fix
 * @example
 * const policy = policyFile('countersign/policy.json')
 * await policy.ready() // to fail at start and not at the first call
 * app.use(guard(ledger, { policy }))
 * @see NIST SP 800-204B §5.2.1
 */
export function policyFile(path: string, options: PolicyOptions = {}): PolicyFile {
  // Condition: a policy file without a path is refused.
  if (typeof path !== 'string' || path === '') {
    throw new CountersignError('option-invalid', {
      detail: { option: 'policyFile', fix: 'give the path of a policy file, such as countersign/policy.json' },
    })
  }
  return new FollowedPolicy(path, clockOf(options)).asPolicy()
}

interface Version {
  /** What it was read from: the same text again is no change. */
  readonly text: string
  readonly compiled: CompiledPolicy
}

class FollowedPolicy {
  readonly #path: string
  readonly #clock: Clock
  readonly #source: Source<Version>
  readonly #watch: Watch | undefined
  readonly #reports = new Set<Report>()
  #current: Version | undefined
  /** Why the newest version is not in use: who listens only later hears of it too. */
  #failure: unknown
  #isClosed = false
  #isWaiting = false
  #queue: Promise<void>

  constructor(path: string, clock: Clock) {
    this.#path = path
    this.#clock = clock
    this.#source = fileSource(path, (text) => ({ text, compiled: compileDocument(JSON.parse(text)) }), 'policy-invalid')
    // Watching begins before the first reading, so that no change falls between the two.
    this.#watch = this.#source.watch?.(() => this.#reload())
    this.#queue = this.#load()
  }

  asPolicy(): ReportingPolicyFile {
    const demandsSealing = () => this.#current?.compiled.demandsSealing ?? false
    return Object.freeze({
      decide: (question: PolicyQuestion) => this.#decide(question),
      explain: (question: PolicyQuestion): Explanation => explain(this.#inUse(), question, this.#clock.now()),
      get demandsSealing() {
        return demandsSealing()
      },
      ready: () => this.#ready(),
      close: () => this.#close(),
      bindReport: (report: Report) => this.#bind(report),
    })
  }

  #decide(question: PolicyQuestion): MaybePromise<Decision> {
    if (this.#current !== undefined || this.#failure !== undefined) return this.#decideNow(question)
    return this.#queue.then(() => this.#decideNow(question))
  }

  #decideNow(question: PolicyQuestion): Decision {
    return decide(this.#inUse(), question, this.#clock.now())
  }

  #inUse(): CompiledPolicy {
    if (this.#current !== undefined) return this.#current.compiled
    // Condition: a policy file that could not be read or used decides nothing.
    throw this.#failure ?? new CountersignError('policy-unavailable', { detail: { step: 'policy' } })
  }

  async #ready(): Promise<void> {
    await this.#queue
    this.#inUse()
  }

  /** One reading at a time, in order: none that began earlier can end later and put an older version in place. */
  #reload(): void {
    if (this.#isWaiting) return
    this.#isWaiting = true
    this.#queue = this.#queue.then(() => {
      this.#isWaiting = false
      return this.#load()
    })
  }

  async #load(): Promise<void> {
    if (this.#isClosed) return
    try {
      this.#take(await this.#source.load())
    } catch (error) {
      this.#refuse(error)
    }
  }

  #take(version: Version): void {
    const isFirst = this.#current === undefined && this.#failure === undefined
    this.#failure = undefined
    if (version.text === this.#current?.text) return
    this.#current = version
    if (!isFirst) this.#tell('policy.changed', { option: this.#path })
  }

  #refuse(error: unknown): void {
    // Condition: an invalid new version of a policy file leaves the one before in place.
    this.#failure = error
    this.#tell('policy.rejected', this.#detailOf(error))
  }

  #detailOf(error: unknown): ErrorDetail {
    return isCountersignError(error) ? error.detail : { option: this.#path }
  }

  #tell(type: 'policy.changed' | 'policy.rejected', detail: ErrorDetail): void {
    if (this.#isClosed) return
    for (const report of this.#reports) report(type, detail)
  }

  #bind(report: Report): void {
    if (this.#reports.has(report)) return
    this.#reports.add(report)
    if (this.#failure !== undefined) report('policy.rejected', this.#detailOf(this.#failure))
  }

  #close(): void {
    this.#isClosed = true
    this.#watch?.close()
  }
}
