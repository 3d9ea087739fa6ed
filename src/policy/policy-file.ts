import type { Clock } from '../core/clock.ts'
import { CountersignError } from '../core/errors.ts'
import { andThen, type MaybePromise } from '../core/maybe-promise.ts'
import type { Report } from '../core/notice.ts'
import { ReportedFile } from '../keys/reported-file.ts'
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

class FollowedPolicy {
  readonly #clock: Clock
  readonly #followed: ReportedFile<CompiledPolicy>

  constructor(path: string, clock: Clock) {
    this.#clock = clock
    const parse = (text: string) => compileDocument(JSON.parse(text))
    const unread = () => new CountersignError('policy-unavailable', { detail: { step: 'policy' } })
    const notices = { changed: 'policy.changed', rejected: 'policy.rejected' } as const
    this.#followed = new ReportedFile({ path, parse, code: 'policy-invalid', unread }, notices)
  }

  asPolicy(): ReportingPolicyFile {
    const { file } = this.#followed
    return Object.freeze({
      decide: (question: PolicyQuestion) =>
        andThen(file.soon(), (compiled) => decide(compiled, question, this.#clock.now())),
      explain: (question: PolicyQuestion): Explanation => explain(file.current(), question, this.#clock.now()),
      get demandsSealing() {
        return file.held?.demandsSealing ?? false
      },
      ready: () => file.ready(),
      close: () => this.#followed.close(),
      bindReport: (report: Report) => this.#followed.bind(report),
    })
  }
}
