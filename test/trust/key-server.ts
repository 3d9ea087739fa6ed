import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What the server does with the next requests. */
export type Behaviour = (request: IncomingMessage, response: ServerResponse) => void

/** A server of keys on a free loopback port, whose behaviour is changed while it runs. */
export interface KeyServer {
  readonly url: string
  readonly origin: string
  /** How often it was asked. */
  readonly asked: () => number
  behave(behaviour: Behaviour): void
  /** Answers 200 with this document, and an ETag that goes with it. */
  serve(document: unknown, headers?: Record<string, string>): void
  close(): Promise<void>
}

export const answering =
  (status: number, body = '', headers: Record<string, string> = {}): Behaviour =>
  (_request, response) => {
    response.writeHead(status, headers).end(body)
  }

/** Takes the request and never answers. */
export const hanging: Behaviour = () => undefined

export async function keyServer(): Promise<KeyServer> {
  let behaviour: Behaviour = answering(503)
  let asked = 0
  const server: Server = createServer((request, response) => {
    asked++
    behaviour(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url: `${origin}/jwks`,
    origin,
    asked: () => asked,
    behave(next) {
      behaviour = next
    },
    serve(document, headers = {}) {
      behaviour = answering(200, JSON.stringify(document), { 'content-type': 'application/json', ...headers })
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Waits until something holds; fails after five seconds. */
export async function until(holds: () => boolean): Promise<void> {
  const end = performance.now() + 5_000
  while (!holds()) {
    if (performance.now() > end) throw new Error('it did not come to hold')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
