import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import { connect, type Socket } from 'node:net'
import { afterEach } from 'vitest'
import { listen, type Service } from '../journeys/servers.ts'

/** Starts servers that end with the test. */
export function servers(): (listener: RequestListener) => Promise<Service> {
  const running: Service[] = []
  afterEach(async () => {
    await Promise.all(running.splice(0).map((service) => service.close()))
  })
  return async (listener) => {
    const service = await listen(createServer(listener))
    running.push(service)
    return service
  }
}

/** A connection of its own, for what no client library would send. */
export class Wire {
  readonly socket: Socket
  #seen = ''

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1')
    this.socket.on('data', (chunk) => {
      this.#seen += chunk.toString('latin1')
    })
    this.socket.on('error', () => undefined)
  }

  send(text: string): this {
    this.socket.write(text)
    return this
  }

  /** Gives all that came once the pattern is in it. */
  async until(pattern: RegExp): Promise<string> {
    while (!pattern.test(this.#seen)) await once(this.socket, 'data')
    return this.#seen
  }

  /** Gives all that came once there is so much of it. */
  async atLeast(length: number): Promise<string> {
    while (this.#seen.length < length) await once(this.socket, 'data')
    return this.#seen
  }

  /** Gives all that came once the other end has closed. */
  async closed(): Promise<string> {
    if (!this.socket.closed) await once(this.socket, 'close')
    return this.#seen
  }
}

/** Reads a message as its events come, the way of the oldest libraries. */
export function collect(req: IncomingMessage): Promise<string> {
  return new Promise((resolve) => {
    let text = ''
    req.on('data', (chunk) => {
      text += String(chunk)
    })
    req.on('end', () => resolve(text))
  })
}

/** A promise and its keys. */
export function latch<T = void>(): { promise: Promise<T>; open: (value: T) => void } {
  let open: (value: T) => void = () => undefined
  const promise = new Promise<T>((resolve) => {
    open = resolve
  })
  return { promise, open }
}
