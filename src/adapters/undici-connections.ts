import type { Socket } from 'node:net'
import { buildConnector, Client, Pool } from 'undici'
import type { Told } from './undici-answer.ts'
import { type AnswerSink, Exchange } from './undici-exchange.ts'
import type { UndiciDispatcher, UndiciRequest, UndiciTransportOptions } from './undici-options.ts'

const DEFAULT_CONNECTIONS = 100
const STREAMS_PER_CONNECTION = 100

/** What a caller of the transport decides about a request. */
export type Wanted = Pick<UndiciRequest, 'origin' | 'path' | 'method' | 'headers' | 'body'>

/** The pools of a transport, and the exchanges that run over them. */
export class Connections {
  readonly #options: UndiciTransportOptions
  readonly #pools = new Map<string, Pool>()
  readonly #connecting = new Set<Socket>()
  #running = 0
  #closed: Promise<void> | undefined
  #onIdle: () => void = () => undefined

  constructor(options: UndiciTransportOptions) {
    this.#options = options
  }

  /** Sends a request, and gives what the sink makes of the answer. */
  run<T>(request: Wanted, signal: AbortSignal | undefined, sinkFor: (told: Told<T>) => AnswerSink): Promise<T> {
    return new Promise((resolve, reject) => {
      // Condition: a transport that was closed sends nothing.
      if (this.#closed !== undefined) throw new Error('The transport was closed.')
      signal?.throwIfAborted()
      const sink = sinkFor({ resolve, reject, stop: () => exchange.stop() })
      const exchange = new Exchange(sink, { signal, onOver: () => this.#leave() })
      this.#running++
      try {
        this.#dispatcherOf(request.origin).dispatch(this.#optionsOf(request), exchange)
      } catch (cause) {
        exchange.onError(cause)
      }
    })
  }

  /** Written out: undici reads many members, and those of a copy by `...` cost it several microseconds. */
  #optionsOf({ origin, path, method, headers, body }: Wanted): UndiciRequest {
    const { headersTimeoutMs, bodyTimeoutMs } = this.#options
    return {
      origin,
      path,
      method,
      headers,
      body,
      headersTimeout: headersTimeoutMs ?? null,
      bodyTimeout: bodyTimeoutMs ?? null,
      // Lets undici put it beside others on a connection of HTTP/2; it is sent once whatever undici thinks.
      idempotent: true,
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#end()
    return this.#closed
  }

  async #end(): Promise<void> {
    if (this.#running > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve))
    // Calls that were aborted have left these behind: undici itself would wait for them to connect.
    const reason = new Error('The transport was closed.')
    const closing = [...this.#pools.values()].map((pool) => pool.destroy(reason))
    for (const socket of this.#connecting) socket.on('error', () => undefined).destroy(reason)
    await Promise.all(closing)
  }

  #leave(): void {
    this.#running--
    if (this.#running === 0) this.#onIdle()
  }

  #dispatcherOf(origin: string): UndiciDispatcher {
    if (this.#options.dispatcher !== undefined) return this.#options.dispatcher
    const known = this.#pools.get(origin)
    if (known !== undefined) return known
    const pool = this.#createPool(origin)
    this.#pools.set(origin, pool)
    return pool
  }

  #createPool(origin: string): Pool {
    const { connections = DEFAULT_CONNECTIONS, allowH2 = false, keepAliveTimeoutMs } = this.#options
    return new Pool(origin, {
      connections,
      allowH2,
      connect: this.#connector(),
      ...(keepAliveTimeoutMs === undefined ? {} : { keepAliveTimeout: keepAliveTimeoutMs }),
      ...(allowH2 ? { factory: createMultiplexed } : {}),
    })
  }

  /** Makes connections as the options say, and knows those that are not there yet. */
  #connector(): buildConnector.connector {
    const { connect, allowH2 = false } = this.#options
    const base = typeof connect === 'function' ? connect : buildConnector({ allowH2, ...connect })
    return (options, callback) => {
      // undici's own connector gives the socket; its type does not say so, and a connector of the caller's need not.
      let isDone = false
      const socket = base(options, (...result) => {
        isDone = true
        if (result[1] !== null) this.#connecting.delete(result[1])
        callback(...result)
      }) as unknown as Socket | undefined
      socket?.once('close', () => this.#connecting.delete(socket))
      if (socket !== undefined && !isDone) this.#connecting.add(socket)
    }
  }
}

/** A client that runs many calls on its connection where that turns out to be HTTP/2, and one where it is not. */
function createMultiplexed(origin: URL, given: object): Client {
  // What a pool hands to its factory: the options it was made with.
  const options = given as Pool.Options & { connect: buildConnector.connector }
  const client = new Client(origin, {
    ...options,
    connect(how, callback) {
      options.connect(how, (...result) => {
        const socket = result[1]
        if (socket !== null && socket !== undefined) {
          const isH2 = 'alpnProtocol' in socket && socket.alpnProtocol === 'h2'
          client.pipelining = isH2 ? STREAMS_PER_CONNECTION : 1
        }
        callback(...result)
      })
    },
  })
  return client
}
