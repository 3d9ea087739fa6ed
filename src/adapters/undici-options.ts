import type { Readable } from 'node:stream'
import type { Pool } from 'undici'
import { CountersignError } from '../core/errors.ts'
import { checkGiven } from '../core/given.ts'
import type { ExchangeHandler } from './undici-exchange.ts'

/** The part of an undici dispatcher that is used: an `Agent`, a `ProxyAgent` or a `MockAgent` has it. */
export interface UndiciDispatcher {
  dispatch(options: UndiciRequest, handler: ExchangeHandler): boolean
}

/** One request in undici's words. */
export interface UndiciRequest {
  readonly origin: string
  readonly path: string
  readonly method: string
  readonly headers: string[]
  readonly body: Uint8Array | Readable | null
  readonly headersTimeout: number | null
  readonly bodyTimeout: number | null
  readonly idempotent: boolean
}

/** How connections are made, kept and waited for. Milliseconds are whole numbers; zero waits for ever. */
export interface UndiciTransportOptions {
  /** The most connections to one origin: default 100. Calls beyond that wait for one to become free. */
  readonly connections?: number
  /**
   * Speaks HTTP/2 with servers that offer it over TLS, up to 100 calls on a connection: default `false`. Its cost:
   * undici 7 takes a stream that is reset after its header for a whole answer where that announced no length. The
   * digest of a signed answer shows it all the same.
   */
  readonly allowH2?: boolean
  /** How a connection is made: TLS options (`ca`, `cert`, `key` …), `timeout` (default 10 seconds), or a function. */
  readonly connect?: Pool.Options['connect']
  /** How long an answer may take to begin: default 300 seconds. It is kept to within a second. */
  readonly headersTimeoutMs?: number
  /** How long an answer may pause: default 300 seconds. It is kept to within a second. */
  readonly bodyTimeoutMs?: number
  /** How long an idle connection is kept where the server does not say: default 4 seconds, not zero. */
  readonly keepAliveTimeoutMs?: number
  /**
   * Sends through this dispatcher (undici's `ProxyAgent`, for one) and makes no connections itself. It stays yours:
   * `close()` leaves it open, and what it adds (redirects, retries) is beyond the transport's word.
   */
  readonly dispatcher?: UndiciDispatcher
}

const MOST = 2 ** 31 - 1
const LEAST = { connections: 1, headersTimeoutMs: 0, bodyTimeoutMs: 0, keepAliveTimeoutMs: 1 } as const
const OF_POOL = ['connections', 'allowH2', 'connect', 'keepAliveTimeoutMs'] as const
const KNOWN: ReadonlySet<string> = new Set([...OF_POOL, 'headersTimeoutMs', 'bodyTimeoutMs', 'dispatcher'])

/** Checks the options once, where they are given. */
export function checkUndiciOptions(options: UndiciTransportOptions): UndiciTransportOptions {
  checkGiven(options, 'transport options')
  const unknown = Object.keys(options).find((name) => !KNOWN.has(name))
  // Condition: an option that the undici transport does not have is refused.
  if (unknown !== undefined) throw invalid(unknown, `the options are ${[...KNOWN].join(', ')}`)
  for (const [name, least] of Object.entries(LEAST)) checkNumber(options, name as keyof typeof LEAST, least)
  // Condition: an allowH2 that is neither true nor false is refused.
  if (options.allowH2 !== undefined && typeof options.allowH2 !== 'boolean')
    throw invalid('allowH2', 'give true or false')
  checkDispatcher(options)
  return { ...options }
}

function checkNumber(options: UndiciTransportOptions, name: keyof typeof LEAST, least: number): void {
  const value = options[name]
  // Condition: a number that no pool and no timer can keep is refused.
  if (value !== undefined && (!Number.isInteger(value) || value < least || value > MOST))
    throw invalid(name, `give a whole number from ${least} to ${MOST}`)
}

function checkDispatcher(options: UndiciTransportOptions): void {
  const { dispatcher } = options
  if (dispatcher === undefined) return
  // Condition: a dispatcher that cannot dispatch is refused.
  if (typeof dispatcher?.dispatch !== 'function') throw invalid('dispatcher', 'give an undici Dispatcher')
  const idle = OF_POOL.find((name) => options[name] !== undefined)
  // Condition: an option about connections beside a dispatcher that makes its own is refused.
  if (idle !== undefined) throw invalid(idle, 'leave it out: the dispatcher makes its connections itself')
}

function invalid(name: string, fix: string): CountersignError {
  return new CountersignError('option-invalid', { detail: { option: `transport options.${name}`, fix } })
}
