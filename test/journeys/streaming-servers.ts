import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import express5 from 'express'
import express4 from 'express4'
import Koa3 from 'koa'
import Koa2 from 'koa2'
import { guard as guardExpress } from '../../src/adapters/express.ts'
import { guard as guardFetch } from '../../src/adapters/fetch.ts'
import { guard as guardKoa } from '../../src/adapters/koa.ts'
import { guard as guardNode } from '../../src/adapters/node.ts'
import type { GuardOptions } from '../../src/flow/inbound/guard-options.ts'
import type { Workload } from '../../src/flow/workload.ts'
import { listen, type Service } from './servers.ts'

/** What handlers tell the test of what they read, and how the test holds them. */
export interface Handled {
  /** Each body that was read: how much of it, and why it did not end. */
  readonly uploads: { bytes: number; sha256: string; error: unknown }[]
  /** Answers that were closed by the other end. */
  closed: number
  /** How many bytes handlers have written so far. */
  written: number
}

/** The bytes at a place of the one long text that every download is made of. */
export function bytesAt(start: number, length: number): Buffer {
  const bytes = Buffer.alloc(length)
  for (let i = 0; i < length; i++) bytes[i] = ((start + i) * 31 + ((start + i) >> 8)) & 0xff
  return bytes
}

const PIECE = 65_536

export function* pieces(total: number, onWritten: (bytes: number) => void = () => undefined): Generator<Buffer> {
  for (let at = 0; at < total; at += PIECE) {
    const piece = bytesAt(at, Math.min(PIECE, total - at))
    onWritten(piece.length)
    yield piece
  }
}

async function* events(count: number): AsyncGenerator<Buffer> {
  for (let i = 0; i < count; i++) {
    await new Promise((resolve) => setTimeout(resolve, 20))
    yield Buffer.from(`data: ${i}\n\n`)
  }
}

/** Reads a body to its end, and tells what came of it. */
async function sink(source: AsyncIterable<Uint8Array>, handled: Handled): Promise<string> {
  const hash = createHash('sha256')
  const upload = { bytes: 0, sha256: '', error: undefined as unknown }
  try {
    for await (const chunk of source) {
      upload.bytes += chunk.length
      hash.update(chunk)
    }
  } catch (cause) {
    upload.error = cause
    handled.uploads.push(upload)
    throw cause
  }
  upload.sha256 = hash.digest('base64')
  handled.uploads.push(upload)
  return JSON.stringify(upload)
}

function search(url: string): { path: string; size: number } {
  const { pathname, searchParams } = new URL(url, 'http://x')
  return { path: pathname, size: Number(searchParams.get('size') ?? 0) }
}

const count = (handled: Handled) => (bytes: number) => {
  handled.written += bytes
}

async function onNode(req: IncomingMessage, res: ServerResponse, { url, handled }: { url: string; handled: Handled }) {
  const { path, size } = search(url)
  res.on('close', () => {
    if (!res.writableFinished) handled.closed++
  })
  if (path === '/sink') res.end(await sink(req, handled))
  else if (path === '/echo') await pipeline(req, new Transform({ transform: (c, _e, done) => done(null, c) }), res)
  else if (path === '/ignore') res.end('not read')
  else if (path === '/events') {
    res.writeHead(200, { 'content-type': 'text/event-stream' })
    await pipeline(Readable.from(events(size), { objectMode: false }), res)
  } else if (path === '/lines') {
    res.setHeader('content-type', 'application/x-ndjson')
    for (let i = 0; i < size; i++) res.write(`{"i":${i}}\n`)
    res.end()
  } else if (path === '/announced') {
    res.setHeader('content-length', 2 * size)
    await pipeline(Readable.from(pieces(size), { objectMode: false }), res)
  } else await pipeline(Readable.from(pieces(size, count(handled)), { objectMode: false }), res)
}

async function onFetch(request: Request, handled: Handled): Promise<Response> {
  const { path, size } = search(request.url)
  const body = request.body ?? new Blob([]).stream()
  const streamed = (source: Iterable<Buffer> | AsyncIterable<Buffer>) =>
    Readable.toWeb(
      Readable.from(source, { objectMode: false }).on('close', () => undefined),
    ) as unknown as ReadableStream<Uint8Array>
  if (path === '/sink') return new Response(await sink(body as unknown as AsyncIterable<Uint8Array>, handled))
  if (path === '/echo') return new Response(body)
  if (path === '/ignore') return new Response('not read')
  if (path === '/events')
    return new Response(streamed(events(size)), { headers: { 'content-type': 'text/event-stream' } })
  if (path === '/lines') {
    const lines = Array.from({ length: size }, (_, i) => Buffer.from(`{"i":${i}}\n`))
    return new Response(streamed(lines), { headers: { 'content-type': 'application/x-ndjson' } })
  }
  return new Response(streamed(pieces(size, count(handled))))
}

export type StartStreaming = (workload: Workload, options: GuardOptions, handled: Handled) => Promise<Service>

const quiet = (failed: Promise<unknown>) => void failed.catch(() => undefined)

function expressApp(express: typeof express5): StartStreaming {
  return (workload, options, handled) => {
    const app = express()
    app.use(guardExpress(workload, options))
    app.use((req, res) => quiet(onNode(req, res, { url: req.originalUrl, handled })))
    return listen(createServer(app))
  }
}

function koaApp(Koa: typeof Koa3): StartStreaming {
  return (workload, options, handled) => {
    const app = new Koa()
    app.silent = true
    app.use(guardKoa(workload, options))
    app.use(async (ctx) => {
      const { path, size } = search(ctx.originalUrl)
      ctx.res.on('close', () => {
        if (!ctx.res.writableFinished) handled.closed++
      })
      if (path === '/sink') ctx.body = await sink(ctx.req, handled)
      else if (path === '/echo') ctx.body = ctx.req
      else if (path === '/ignore') ctx.body = 'not read'
      else if (path === '/events') {
        ctx.type = 'text/event-stream'
        ctx.body = Readable.from(events(size), { objectMode: false })
      } else if (path === '/lines') {
        ctx.type = 'application/x-ndjson'
        const lines = Array.from({ length: size }, (_, i) => Buffer.from(`{"i":${i}}\n`))
        ctx.body = Readable.from(lines, { objectMode: false })
      } else if (path === '/announced') {
        ctx.body = Readable.from(pieces(size), { objectMode: false })
        ctx.length = 2 * size
      } else ctx.body = Readable.from(pieces(size, count(handled)), { objectMode: false })
    })
    return listen(createServer(app.callback()))
  }
}

const nodeApp: StartStreaming = (workload, options, handled) =>
  listen(
    createServer(guardNode(workload, options, (req, res) => quiet(onNode(req, res, { url: req.url ?? '', handled })))),
  )

/** A Fetch handler behind a server of our own that streams both ways, as a runtime with Fetch handlers does. */
const fetchApp: StartStreaming = (workload, options, handled) => {
  const handle = guardFetch(workload, options, (request) => onFetch(request, handled))
  const server = createServer((req, res) => quiet(throughFetch(req, res, { handle, handled })))
  return listen(server)
}

async function throughFetch(
  req: IncomingMessage,
  res: ServerResponse,
  { handle, handled }: { handle: (request: Request) => Promise<Response>; handled: Handled },
): Promise<void> {
  res.on('close', () => {
    if (!res.writableFinished) handled.closed++
  })
  const headers = new Headers()
  const { rawHeaders } = req
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) headers.append(`${rawHeaders[i]}`, `${rawHeaders[i + 1]}`)
  const hasBody = req.method !== 'GET' && req.method !== 'HEAD'
  const body = hasBody ? (Readable.toWeb(req) as unknown as ReadableStream) : null
  const init = { method: req.method ?? 'GET', headers, body, duplex: 'half' } as RequestInit
  const response = await handle(new Request(`http://${req.headers.host}${req.url}`, init))
  res.statusCode = response.status
  for (const [name, value] of response.headers) res.setHeader(name, value)
  res.flushHeaders()
  if (response.body === null) res.end()
  else await pipeline(Readable.fromWeb(response.body as never), res)
}

/** Every adapter, by name. */
export const streamingAdapters: ReadonlyMap<string, StartStreaming> = new Map([
  ['Express 5', expressApp(express5)],
  ['Express 4', expressApp(express4 as unknown as typeof express5)],
  ['Koa 3', koaApp(Koa3)],
  ['Koa 2', koaApp(Koa2 as unknown as typeof Koa3)],
  ['node:http', nodeApp],
  ['Fetch', fetchApp],
])
