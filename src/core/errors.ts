import { type Code, codeEntry, type Kind } from './codes.ts'

const BRAND = Symbol.for('countersign.error')

/** What only the operator may see of a failure. It stays in the process: neither serialized nor sent. */
export interface ErrorDetail {
  /** The option or file that is wrong, and what to do: only for errors of kind `config`, and of files that do not open. */
  readonly option?: string
  readonly fix?: string
  /** The step or check that failed, one word. */
  readonly step?: string
  readonly expected?: string
  readonly received?: string
  readonly clockDifferenceSeconds?: number
  readonly keyId?: string
  readonly rule?: string
  /** How often it happened. */
  readonly count?: number
}

/** What a `CountersignError` may be given besides its code. */
export interface ErrorOptions {
  readonly cause?: unknown
  readonly detail?: ErrorDetail
  readonly callId?: string | undefined
  readonly outcome?: 'not-run' | 'unknown'
}

function messageOf(code: Code, detail: ErrorDetail | undefined): string {
  const { kind, sentence } = codeEntry(code)
  // Only configuration errors speak of variables: they are read by the operator, and nothing in them comes from the wire.
  if (kind !== 'config' || detail === undefined) return sentence
  const { option, fix } = detail
  if (option !== undefined) return fix === undefined ? `${sentence} ${option}` : `${sentence} ${option}: ${fix}`
  return fix === undefined ? sentence : `${sentence.slice(0, -1)}: ${fix}`
}

/**
 * The one error this library throws. `code` is stable and closed (`codes`), `kind` is its family, `status` the HTTP
 * status a guard answers with. The message is the fixed sentence of the code; for kind `config` it also names the
 * option and the fix. It does not carry anything that came over the wire.
 *
 * @example
 * try { await orders.fetch('http://ledger/entries') } catch (error) {
 *   if (isCountersignError(error, 'policy-denied')) giveUp()
 * }
 */
export class CountersignError extends Error {
  readonly code: Code
  readonly kind: Kind
  readonly status: number
  readonly retryable: boolean
  /** The correlation id of the call, where there was one. */
  readonly callId?: string
  /** `'not-run'` only where it is proven that the handler did not run. */
  readonly outcome?: 'not-run' | 'unknown'
  /** For the operator alone: not enumerable, never serialized. */
  declare readonly detail: ErrorDetail

  constructor(code: Code, options: ErrorOptions = {}) {
    super(messageOf(code, options.detail), options.cause === undefined ? undefined : { cause: options.cause })
    const { kind, status, retryable } = codeEntry(code)
    this.code = code
    this.kind = kind
    this.status = status
    this.retryable = retryable
    if (options.callId !== undefined) this.callId = options.callId
    if (options.outcome !== undefined) this.outcome = options.outcome
    Object.defineProperty(this, 'detail', { value: Object.freeze({ ...options.detail }), enumerable: false })
    Object.defineProperty(this, BRAND, { value: true, enumerable: false })
  }

  override get name(): string {
    return 'CountersignError'
  }

  /** The kind and the call, nothing else. */
  toJSON(): { name: string; kind: Kind; callId?: string } {
    return { name: this.name, kind: this.kind, ...(this.callId === undefined ? {} : { callId: this.callId }) }
  }
}

/**
 * Tells whether a value is an error of this library, and of this code where one is given. Holds across two installed
 * copies of the package.
 *
 * @example
 * isCountersignError(error, 'timed-out')
 */
export function isCountersignError(value: unknown, code?: Code): value is CountersignError {
  if (!(value instanceof Error) || !(BRAND in value)) return false
  return code === undefined || ('code' in value && value.code === code)
}
