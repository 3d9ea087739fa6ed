import { Dispatcher } from 'undici'
import { CountersignError } from '../core/errors.ts'
import type { Engine } from '../flow/engine.ts'
import type { Workload } from '../flow/workload.ts'
import { parseWorkloadId } from '../identity/workload-id.ts'
import type { CertificateHolder } from '../keys/certificate-holder.ts'
import type { Watch } from '../platform/platform.ts'
import { checkTlsClientOptions, showingEngine, type TlsClientOptions } from './tls-options.ts'
import { failHandler } from './undici-gate.ts'
import { Lane, type LaneTerms } from './undici-lane.ts'

/**
 * Makes a dispatcher for `fetch(url, { dispatcher })` and `undiciTransport({ dispatcher })`: the workload shows its
 * certificate, and each server has to show that of the peer that the workload knows behind the origin. It is judged
 * before anything is sent, and again at the next request once trust has changed or the certificate has expired. Where the
 * workload's own certificate is renewed, calls from then on go over new connections, and those on their way end over the
 * old. It proves who is at the other end of the connection, and not who has written an answer that a proxy there passes
 * on: `workload.fetch` does. HTTP/1.1; for Node, with undici 7 installed beside the library.
 *
 * @param options connections and patience; `minVersion`: default `'TLSv1.3'`
 * @throws `option-invalid` where the workload has no certificate, or an option is not valid. A call is refused with
 *   `peer-unknown`, `certificate-invalid`, `answer-foreign`, `trust-unavailable` or `credentials-unavailable`: of `fetch`
 *   that is the `cause`
 * @example
 * const dispatcher = tlsClient(orders)
 * const answer = await fetch('https://ledger.example:8443/entries', { dispatcher })
 * @see draft-ietf-wimse-mutual-tls, RFC 9525 §6
 */
export function tlsClient(workload: Workload, options: TlsClientOptions = {}): Dispatcher {
  const { engine, holder } = showingEngine(workload)
  const client = new TlsDispatcher(engine, holder, checkTlsClientOptions(options))
  engine.onClose(() => void client.close())
  return client
}

class TlsDispatcher extends Dispatcher {
  readonly #engine: Engine
  readonly #holder: CertificateHolder
  readonly #options: TlsClientOptions
  readonly #lanes = new Map<string, Lane>()
  readonly #ending = new Set<Lane>()
  readonly #watch: Watch
  #isClosed = false

  constructor(engine: Engine, holder: CertificateHolder, options: TlsClientOptions) {
    super()
    this.#engine = engine
    this.#holder = holder
    this.#options = options
    this.#watch = holder.onChange(() => this.#retireAll())
  }

  override dispatch(request: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    try {
      const lane = this.#laneFor(request)
      if (lane.holds) return this.#send(lane, request, handler)
      lane.judge().then(
        (holds) => {
          if (!holds) this.#retire(lane)
          this.dispatch(request, handler)
        },
        (cause) => failHandler(handler, cause),
      )
      return true
    } catch (cause) {
      failHandler(handler, cause)
      return false
    }
  }

  override close(callback?: () => void): Promise<void> {
    return this.#endAll(undefined, callback)
  }

  override destroy(given?: Error | null | (() => void), callback?: () => void): Promise<void> {
    const done = typeof given === 'function' ? given : callback
    const error = typeof given === 'function' ? null : (given ?? null)
    return this.#endAll((lane) => lane.destroy(error), done)
  }

  async #endAll(end: ((lane: Lane) => Promise<void>) | undefined, callback: (() => void) | undefined): Promise<void> {
    this.#isClosed = true
    this.#watch.close()
    this.#retireAll()
    await Promise.all([...this.#ending].map((lane) => end?.(lane) ?? lane.ended))
    callback?.()
  }

  #send(lane: Lane, request: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    // Not within undici's own loop over the connection that the request was turned away from.
    return lane.dispatch(request, handler, () => queueMicrotask(() => this.dispatch(request, handler)))
  }

  /** The lane to use by all that is known now; its servers may have to be judged again. */
  #laneFor({ origin, method, upgrade }: Dispatcher.DispatchOptions): Lane {
    // Condition: a TLS client that was closed sends nothing.
    if (this.#isClosed) throw new CountersignError('workload-closed')
    // Condition: a request that would make something else of its connection is not sent over mutual TLS.
    if (upgrade || method === 'CONNECT') throw invalid('upgrade', 'nothing would judge such a connection again')
    const terms = this.#termsFor(new URL(String(origin)))
    const known = this.#lanes.get(terms.origin)
    if (known?.terms.peer === terms.peer) return known
    if (known !== undefined) this.#retire(known)
    const lane = new Lane(this.#engine, terms, this.#options)
    this.#lanes.set(terms.origin, lane)
    return lane
  }

  #termsFor({ origin, protocol, hostname }: URL): LaneTerms {
    const { peerAt, trust } = this.#engine
    // Condition: a call without TLS is not sent over mutual TLS.
    if (protocol !== 'https:') throw invalid('url', 'give an https URL, or use another dispatcher')
    const peer = peerAt({ href: `${origin}/`, origin, protocol, hostname })
    // Condition: an origin that belongs to no known peer is not called over mutual TLS.
    if (peer === undefined)
      throw new CountersignError('peer-unknown', {
        detail: { fix: 'name the workload behind it in `peers` or in the trust bundle' },
      })
    const id = parseWorkloadId(peer)
    trust.current().assertFresh(id)
    return { origin, hostname, peer: id.id, own: this.#holder.current() }
  }

  #retireAll(): void {
    for (const lane of this.#lanes.values()) this.#retire(lane)
  }

  #retire(lane: Lane): void {
    const { origin } = lane.terms
    if (this.#lanes.get(origin) === lane) this.#lanes.delete(origin)
    this.#ending.add(lane)
    lane.ended.then(() => this.#ending.delete(lane)).catch(() => undefined)
    lane.retire()
  }
}

function invalid(option: string, fix: string): CountersignError {
  return new CountersignError('option-invalid', { detail: { option, fix } })
}
