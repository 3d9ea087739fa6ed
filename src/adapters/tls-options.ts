import { CountersignError } from '../core/errors.ts'
import type { Engine } from '../flow/engine.ts'
import { engineOf, type Workload } from '../flow/workload.ts'
import type { CertificateHolder } from '../keys/certificate-holder.ts'

/** The versions that may be told; TLS 1.3 unless told otherwise. */
export type TlsVersion = 'TLSv1.2' | 'TLSv1.3'

/** How servers of mutual TLS are made. */
export interface TlsServerOptions {
  /** The oldest version that is spoken: default `'TLSv1.3'`. */
  readonly minVersion?: TlsVersion
}

/** How connections of mutual TLS are made, kept and waited for. Milliseconds are whole numbers; zero waits for ever. */
export interface TlsClientOptions {
  /** The oldest version that is spoken: default `'TLSv1.3'`. */
  readonly minVersion?: TlsVersion
  /** The most connections to one origin: default 100. Calls beyond that wait for one to become free. */
  readonly connections?: number
  /** How long a connection may take to be made: default 10 seconds. */
  readonly connectTimeoutMs?: number
  /** How long an answer may take to begin, where the call does not say: default 300 seconds. */
  readonly headersTimeoutMs?: number
  /** How long an answer may pause, where the call does not say: default 300 seconds. */
  readonly bodyTimeoutMs?: number
  /** How long an idle connection is kept where the server does not say: default 4 seconds, not zero. */
  readonly keepAliveTimeoutMs?: number
}

const MOST = 2 ** 31 - 1
const LEAST: Readonly<Record<string, number>> = {
  connections: 1,
  connectTimeoutMs: 0,
  headersTimeoutMs: 0,
  bodyTimeoutMs: 0,
  keepAliveTimeoutMs: 1,
}

function invalid(option: string, fix: string): CountersignError {
  return new CountersignError('option-invalid', { detail: { option, fix } })
}

function check<T extends object>(options: T, name: string, known: readonly string[]): T {
  for (const [option, value] of Object.entries(options)) {
    // Condition: an option that mutual TLS does not have is refused.
    if (!known.includes(option)) throw invalid(`${name}.${option}`, `the options are ${known.join(', ')}`)
    if (value === undefined) continue
    const least = LEAST[option]
    // Condition: a number that no connection of mutual TLS can keep is refused.
    if (least !== undefined && (!Number.isInteger(value) || value < least || value > MOST)) {
      throw invalid(`${name}.${option}`, `give a whole number from ${least} to ${MOST}`)
    }
    // Condition: mutual TLS of a version before 1.2 is refused.
    if (least === undefined && value !== 'TLSv1.3' && value !== 'TLSv1.2') {
      throw invalid(`${name}.${option}`, "give 'TLSv1.3' or 'TLSv1.2'")
    }
  }
  return { ...options }
}

export function checkTlsServerOptions(options: TlsServerOptions): TlsServerOptions {
  return check(options, 'TLS server options', ['minVersion'])
}

export function checkTlsClientOptions(options: TlsClientOptions): TlsClientOptions {
  return check(options, 'TLS client options', ['minVersion', ...Object.keys(LEAST)])
}

/** The engine of a workload, and the certificate it shows. */
export function showingEngine(workload: Workload): { readonly engine: Engine; readonly holder: CertificateHolder } {
  const engine = engineOf(workload)
  // Condition: mutual TLS for a workload without a certificate is refused.
  if (engine.certificate === undefined) {
    throw invalid('options.certificate', 'give createWorkload certificateFiles({ certificate, key })')
  }
  return { engine, holder: engine.certificate }
}
