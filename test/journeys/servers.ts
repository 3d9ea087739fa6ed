import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import express5 from 'express'
import express4 from 'express4'
import Koa3 from 'koa'
import bodyParser from 'koa-bodyparser'
import Koa2 from 'koa2'
import { callOf } from '../../src/adapters/call-of.ts'
import { guard as guardExpress } from '../../src/adapters/express.ts'
import { guard as guardFetch } from '../../src/adapters/fetch.ts'
import { guard as guardKoa } from '../../src/adapters/koa.ts'
import { guard as guardNode } from '../../src/adapters/node.ts'
import { currentCall } from '../../src/flow/call-context.ts'
import type { GuardOptions } from '../../src/flow/inbound/guard-options.ts'
import type { Workload } from '../../src/flow/workload.ts'

/** What every service of the conformance suite answers, whatever its framework. */
export interface Reply {
  readonly status: number
  readonly headers?: Readonly<Record<string, string | string[]>>
  readonly body?: string | Buffer
}

/** What a handler saw, in terms no framework has a say in. */
export interface Seen {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: unknown
  readonly from: string
  readonly sealed: boolean
  readonly inContext: boolean
}

/** The handler all frameworks share: it tells what it saw, and answers what the path asks for. */
function reply(seen: Seen, log: Seen[]): Reply {
  log.push(seen)
  const path = seen.url.split('?')[0]
  if (path === '/nothing') return { status: 204 }
  if (path === '/unchanged') return { status: 304, headers: { etag: '"v1"' } }
  if (path === '/cookies') return { status: 200, headers: { 'set-cookie': ['a=1; Path=/', 'b=2'] }, body: 'crumbs' }
  if (path === '/moved') return { status: 302, headers: { location: '/hello' } }
  if (path === '/teapot') return { status: 418, body: 'short and stout' }
  if (path === '/download')
    return { status: 200, headers: { 'content-type': 'application/octet-stream' }, body: Buffer.alloc(200_000, 7) }
  if (path === '/huge') return { status: 200, body: Buffer.alloc(1_100_000, 1) }
  if (path === '/events') return { status: 200, headers: { 'content-type': 'text/event-stream' }, body: 'data: 1\n\n' }
  if (path === '/throw') throw new Error('the handler failed on purpose')
  return { status: 200, headers: { 'content-type': 'application/json', 'x-own': 'yes' }, body: JSON.stringify(seen) }
}

export type StartService = (workload: Workload, options: GuardOptions, log: Seen[]) => Promise<Service>

export interface Service {
  readonly origin: string
  readonly port: number
  close(): Promise<void>
}

export async function listen(server: Server): Promise<Service> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    origin: `http://127.0.0.1:${port}`,
    port,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}

function send(res: ServerResponse, { status, headers, body }: Reply): void {
  res.writeHead(status, headers)
  res.end(body)
}

function seenBy(request: object, what: Omit<Seen, 'from' | 'sealed' | 'inContext'>): Seen {
  const call = callOf(request)
  return { ...what, from: call.peer.id, sealed: call.sealed, inContext: currentCall() === call }
}

type Express = typeof express5

function expressApp(express: Express): StartService {
  return (workload, options, log) => {
    const app = express()
    app.use(guardExpress(workload, options))
    app.use(express.json())
    app.use(express.text())
    app.use(express.raw({ type: 'application/octet-stream' }))
    app.use((req, res) => {
      const { method, originalUrl: url, headers } = req
      const body = Buffer.isBuffer(req.body) ? req.body.toString('base64') : (req.body as unknown)
      send(res, reply(seenBy(req, { method, url, headers, body }), log))
    })
    app.use(((_error: unknown, _req: unknown, res: ServerResponse, _next: unknown) => {
      res.statusCode = 500
      res.end('failed')
    }) as express5.ErrorRequestHandler)
    return listen(createServer(app))
  }
}

function koaApp(Koa: typeof Koa3): StartService {
  return (workload, options, log) => {
    const app = new Koa()
    app.silent = true
    app.use(guardKoa(workload, options))
    app.use(bodyParser({ enableTypes: ['json', 'text'] }))
    app.use((ctx) => {
      const { method, originalUrl: url, headers } = ctx
      const seen = seenBy(ctx, { method, url, headers, body: (ctx.request as unknown as { body: unknown }).body })
      const { status, headers: fields = {}, body } = reply(seen, log)
      ctx.status = status
      for (const [name, value] of Object.entries(fields)) ctx.set(name, value)
      if (body !== undefined) ctx.body = body
      else if (status === 302) ctx.body = ''
    })
    return listen(createServer(app.callback()))
  }
}

async function readAll(req: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of req) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

function parsed(type: unknown, bytes: Buffer): unknown {
  if (bytes.length === 0) return undefined
  if (String(type).startsWith('application/json')) return JSON.parse(bytes.toString())
  return String(type).startsWith('text/') ? bytes.toString() : bytes.toString('base64')
}

const nodeApp: StartService = (workload, options, log) => {
  const listener: RequestListener = guardNode(workload, options, async (req, res) => {
    const { method = '', url = '', headers } = req
    const body = parsed(headers['content-type'], await readAll(req))
    send(res, reply(seenBy(req, { method, url, headers, body }), log))
  })
  return listen(createServer(listener))
}

/** A Fetch handler behind a minimal server of our own: what a runtime with Fetch handlers does. */
function serveFetch(handle: (request: Request) => Promise<Response>): Promise<Service> {
  const server = createServer(async (req, res) => {
    const headers = new Headers()
    for (let i = 0; i + 1 < req.rawHeaders.length; i += 2)
      headers.append(req.rawHeaders[i] as string, req.rawHeaders[i + 1] as string)
    const hasBody = req.method !== 'GET' && req.method !== 'HEAD'
    const bytes = hasBody ? await readAll(req) : undefined
    const body = bytes === undefined || bytes.length === 0 ? null : new Uint8Array(bytes)
    const response = await handle(
      new Request(`http://${req.headers.host}${req.url}`, { method: req.method ?? 'GET', headers, body }),
    )
    res.statusCode = response.status
    for (const [name, value] of response.headers) if (name !== 'set-cookie') res.setHeader(name, value)
    const cookies = response.headers.getSetCookie()
    if (cookies.length > 0) res.setHeader('set-cookie', cookies)
    res.end(response.body === null ? undefined : Buffer.from(await response.arrayBuffer()))
  })
  return listen(server)
}

const fetchApp: StartService = (workload, options, log) => {
  const handle = guardFetch(workload, options, async (request) => {
    const url = new URL(request.url)
    const bytes = Buffer.from(await request.arrayBuffer())
    const body = parsed(request.headers.get('content-type'), bytes)
    const headers = Object.fromEntries(request.headers)
    const what = { method: request.method, url: url.pathname + url.search, headers, body }
    const { status, headers: fields = {}, body: answer } = reply(seenBy(request, what), log)
    const out = new Headers()
    for (const [name, value] of Object.entries(fields)) {
      for (const one of Array.isArray(value) ? value : [value]) out.append(name, one)
    }
    return new Response(answer === undefined ? null : typeof answer === 'string' ? answer : new Uint8Array(answer), {
      status,
      headers: out,
    })
  })
  return serveFetch(handle)
}

/** Every adapter, by name. */
export const adapters: ReadonlyMap<string, StartService> = new Map([
  ['Express 5', expressApp(express5)],
  ['Express 4', expressApp(express4)],
  ['Koa 3', koaApp(Koa3)],
  ['Koa 2', koaApp(Koa2)],
  ['node:http', nodeApp],
  ['Fetch', fetchApp],
])
