import type { TLSSocket } from 'node:tls'
import { buildConnector, type Dispatcher, Pool } from 'undici'
import { equalBytes } from '../core/bytes.ts'
import type { Engine } from '../flow/engine.ts'
import type { HeldCertificate } from '../keys/certificate-holder.ts'
import type { ShownCertificate } from '../trust/verify-certificate.ts'
import { certificateOn } from './node-certificate.ts'
import { type Destination, judgeNewServer, judgeServer } from './server-certificate.ts'
import type { TlsClientOptions } from './tls-options.ts'
import { gated } from './undici-gate.ts'

const DEFAULT_CONNECTIONS = 100
const DEFAULT_CONNECT_MS = 10_000

/** What connections of a lane are made with: where one of these changes there is a new lane. */
export interface LaneTerms extends Destination {
  readonly origin: string
  readonly own: HeldCertificate
}

/** What one or more of its connections have shown. */
interface Judged {
  readonly shown: ShownCertificate
  /** Epoch milliseconds. */
  notAfter: number
}

function isSame(one: ShownCertificate, other: ShownCertificate): boolean {
  const [left, right] = [one, other].map(({ leaf, others }) => [leaf, ...others]) as [Uint8Array[], Uint8Array[]]
  return left.length === right.length && left.every((bytes, i) => equalBytes(bytes, right[i] as Uint8Array))
}

/** The connections to one origin that were made with one certificate, and what their servers have shown. */
export class Lane {
  readonly terms: LaneTerms
  readonly #engine: Engine
  readonly #options: TlsClientOptions
  readonly #pool: Pool
  readonly #sockets = new Set<TLSSocket>()
  readonly #connected = new Map<TLSSocket, Judged>()
  /** By which version of trust all of them were judged, and until when that holds. */
  #generation: number
  #validUntil = Number.POSITIVE_INFINITY
  #judging: Promise<boolean> | undefined
  #running = 0
  #isRetired = false
  #end: () => void = () => undefined
  /** Settles when the lane was retired and its last request is over. */
  readonly ended: Promise<void>

  constructor(engine: Engine, terms: LaneTerms, options: TlsClientOptions) {
    this.terms = terms
    this.#engine = engine
    this.#options = options
    this.#generation = engine.trust.current().generation
    this.#pool = this.#createPool()
    this.ended = new Promise<void>((resolve) => (this.#end = resolve)).then(() => this.#destroy())
  }

  /** Whether a request may be written to any of its connections now. */
  get holds(): boolean {
    const { clock, trust } = this.#engine
    return !this.#isRetired && trust.current().generation === this.#generation && clock.now() <= this.#validUntil
  }

  /** Judges all its servers by the trust of now; false: one of them does not hold any more. */
  judge(): Promise<boolean> {
    this.#judging ??= this.#judgeAll().finally(() => (this.#judging = undefined))
    return this.#judging
  }

  /** Sends a request; `again` is called, once, where by the time it could be written the lane did not hold any more. */
  dispatch(request: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler, again: () => void): boolean {
    this.#running++
    const keeper = { isOpen: () => this.holds, onTurned: again, onOver: () => this.#leave() }
    return this.#pool.dispatch(request, gated(handler, keeper))
  }

  /** Takes no more requests: those that are written end, those that wait are turned away. */
  retire(): void {
    if (this.#isRetired) return
    this.#isRetired = true
    if (this.#running === 0) this.#end()
    else this.#pool.close().catch(() => undefined)
  }

  /** Ends at once what is on its way. */
  async destroy(error: Error | null): Promise<void> {
    this.#isRetired = true
    await this.#destroy(error)
  }

  #leave(): void {
    this.#running--
    if (this.#running === 0 && this.#isRetired) this.#end()
  }

  async #destroy(error: Error | null = null): Promise<void> {
    // undici would wait for those that are not connected yet.
    for (const socket of this.#sockets) socket.on('error', () => undefined).destroy()
    await this.#pool.destroy(error)
  }

  #createPool(): Pool {
    const { connections = DEFAULT_CONNECTIONS, headersTimeoutMs, bodyTimeoutMs, keepAliveTimeoutMs } = this.#options
    return new Pool(this.terms.origin, {
      connections,
      allowH2: false,
      connect: this.#connector(),
      ...(headersTimeoutMs === undefined ? {} : { headersTimeout: headersTimeoutMs }),
      ...(bodyTimeoutMs === undefined ? {} : { bodyTimeout: bodyTimeoutMs }),
      ...(keepAliveTimeoutMs === undefined ? {} : { keepAliveTimeout: keepAliveTimeoutMs }),
    })
  }

  #connector(): buildConnector.connector {
    const { minVersion = 'TLSv1.3', connectTimeoutMs = DEFAULT_CONNECT_MS } = this.#options
    const { chainPem, keyPem } = this.terms.own
    const base = buildConnector({
      cert: chainPem,
      key: keyPem.reveal(),
      minVersion,
      timeout: connectTimeoutMs,
      allowH2: false,
      // Judged below, by the trust bundle. Node is given no CA at all: what it believed it would look at first, and gives
      // what came with a certificate only to who asks first.
      rejectUnauthorized: false,
      ca: [],
      // What is resumed lacks the certificates that lead to the CA.
      maxCachedSessions: 0,
    })
    return (how, callback) => {
      const socket = base({ ...how, servername: this.#servername() }, (error, made) => {
        if (error !== null) callback(error, null)
        else
          this.#admit(made as TLSSocket).then(
            () => callback(null, made as TLSSocket),
            (cause: Error) => {
              made?.destroy()
              callback(cause, null)
            },
          )
      }) as unknown as TLSSocket
      // undici's own connector gives the socket; its type does not say so.
      this.#sockets.add(socket)
      socket.once('close', () => this.#forget(socket))
    }
  }

  /** The host by its name, whatever the request says in its header. */
  #servername(): string {
    const { hostname } = this.terms
    return /^\[|^\d+\.\d+\.\d+\.\d+$/.test(hostname) ? '' : hostname.replace(/\.$/, '')
  }

  async #admit(socket: TLSSocket): Promise<void> {
    const shown = certificateOn(socket)
    const { value: notAfter } = await this.#byTrustOfNow(() => judgeNewServer(this.#engine, shown, this.terms))
    if (socket.destroyed || shown === undefined) throw new Error('The connection was lost while its server was judged.')
    const known = [...this.#connected.values()].find((one) => isSame(one.shown, shown))
    this.#connected.set(socket, known ?? { shown, notAfter })
    this.#measure()
  }

  #forget(socket: TLSSocket): void {
    this.#sockets.delete(socket)
    this.#connected.delete(socket)
    this.#measure()
  }

  #measure(): void {
    const ends = [...this.#connected.values()].map(({ notAfter }) => notAfter)
    this.#validUntil = Math.min(...ends) + this.#engine.toleranceSeconds * 1000
  }

  async #judgeAll(): Promise<boolean> {
    const { generation, value: holds } = await this.#byTrustOfNow(async () => {
      for (const one of new Set(this.#connected.values())) {
        const notAfter = await judgeServer(this.#engine, one.shown, this.terms).catch(() => undefined)
        if (notAfter === undefined) return false
        one.notAfter = notAfter
      }
      return true
    })
    this.#generation = generation
    this.#measure()
    return holds
  }

  /** Judges, and once more where trust has changed by then. */
  async #byTrustOfNow<T>(judge: () => Promise<T>): Promise<{ readonly value: T; readonly generation: number }> {
    const { trust } = this.#engine
    for (;;) {
      const { generation } = trust.current()
      const value = await judge()
      if (generation === trust.current().generation) return { value, generation }
    }
  }
}
