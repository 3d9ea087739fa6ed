import type { AuditSink } from '../audit/sink.ts'
import type { AuditTrail } from '../audit/trail.ts'
import type { Clock } from '../core/clock.ts'
import type { Mode, Transport } from '../flow/engine.ts'
import type { CertificateSource } from '../keys/certificate-source.ts'
import type { CredentialSource } from '../keys/credentials.ts'
import type { ReplayStore } from '../replay/store.ts'
import type { SessionOptions } from '../session/session-options.ts'
import type { TrustSource } from '../trust/trust-source.ts'

/** Which workload answers behind an origin: a record of origin to identifier, or a function of the URL. */
export type PeerDirectory = Readonly<Record<string, string>> | ((url: URL) => string | undefined)

/** What a workload is made from. */
export interface WorkloadOptions {
  /** The workload identifier, as the credentials say: `spiffe://acme.internal/orders`. */
  readonly id: string
  readonly credentials: CredentialSource
  /** The certificate that the workload shows in TLS connections, and its key: see `countersign/tls`. */
  readonly certificate?: CertificateSource
  readonly trust: TrustSource
  /** Wins over the origins in the trust bundle. */
  readonly peers?: PeerDirectory
  /** Origins or URL prefixes that mean this workload when a foreign caller addresses its proof to a URL. */
  readonly audiences?: readonly string[]
  /** Both directions; a guard or client may differ. Default `'enforce'`. */
  readonly mode?: Mode
  /** Default `consoleSink()`. */
  readonly audit?: AuditSink | readonly AuditSink[] | AuditTrail
  /** Default a bounded memory, which replicas do not share and a restart empties. */
  readonly replay?: ReplayStore
  /**
   * After its first proof to a peer a workload goes on with the keys of a session: on by default, within the bounds given
   * here. `false`: neither opened nor offered, every call is signed.
   */
  readonly sessions?: SessionOptions | false
  readonly clock?: Clock
  /** How far clocks may differ; default 30, at most 300. */
  readonly clockToleranceSeconds?: number
  /** Delivers requests; default the runtime's `fetch`. */
  readonly transport?: Transport
}
