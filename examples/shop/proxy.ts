import { createServer, type IncomingHttpHeaders, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** One message on the wire, as whoever sits there sees it. */
export interface WireRequest {
  method: string
  target: string
  headers: IncomingHttpHeaders
  body: Buffer
}
export interface WireAnswer {
  status: number
  headers: IncomingHttpHeaders
  body: Buffer
}

/** What the one on the wire does with what passes. */
export interface Meddler {
  request?(message: WireRequest): WireRequest
  answer?(message: WireAnswer): WireAnswer
  /** Where to send it instead. */
  port?: number
}

/** A proxy between services: honest until it is told otherwise, and it remembers everything. */
export interface MeddlingProxy {
  readonly origin: string
  readonly seen: WireRequest[]
  readonly answers: WireAnswer[]
  meddler: Meddler
  send(message: WireRequest): Promise<WireAnswer>
  close(): void
}

/** Listens on a free loopback port. */
export async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

/** Starts a proxy; the port behind it may be given later. */
export async function startProxy(): Promise<MeddlingProxy & { target: number }> {
  const server = createServer(async (req, res) => {
    const chunks: Buffer[] = []
    for await (const chunk of req) chunks.push(chunk as Buffer)
    const arrived = {
      method: req.method ?? 'GET',
      target: req.url ?? '/',
      headers: req.headers,
      body: Buffer.concat(chunks),
    }
    proxy.seen.push(arrived)
    const changed = proxy.meddler.request?.(arrived) ?? arrived
    const answer = await exchange(proxy.meddler.port ?? proxy.target, changed)
    proxy.answers.push(answer)
    const given = proxy.meddler.answer?.(answer) ?? answer
    const { 'content-length': _, 'transfer-encoding': __, ...headers } = given.headers
    res.writeHead(given.status, headers as Record<string, string>).end(given.body)
  })
  const port = await listen(server)
  const proxy = {
    origin: `http://127.0.0.1:${port}`,
    target: 0,
    seen: [] as WireRequest[],
    answers: [] as WireAnswer[],
    meddler: {} as Meddler,
    send: (message: WireRequest) => exchange(proxy.target, message),
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
  return proxy
}

function exchange(port: number, message: WireRequest): Promise<WireAnswer> {
  const { 'content-length': _, connection: __, ...headers } = message.headers
  const length = message.body.length > 0 ? { 'content-length': String(message.body.length) } : {}
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        host: '127.0.0.1',
        port,
        method: message.method,
        path: message.target,
        headers: { ...headers, ...length },
        agent: false,
      },
      (incoming) => {
        const chunks: Buffer[] = []
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
        incoming.on('end', () =>
          resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body: Buffer.concat(chunks) }),
        )
        incoming.on('error', reject)
      },
    )
    outgoing.on('error', reject)
    outgoing.end(message.body)
  })
}
