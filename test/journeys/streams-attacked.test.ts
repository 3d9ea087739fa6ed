import { createReadStream, createWriteStream } from 'node:fs'
import { mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import express from 'express'
import Koa from 'koa'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { guard as guardExpress } from '../../src/adapters/express.ts'
import { guard as guardFetch } from '../../src/adapters/fetch.ts'
import { guard as guardKoa } from '../../src/adapters/koa.ts'
import { guard as guardNode } from '../../src/adapters/node.ts'
import type { Workload } from '../../src/flow/workload.ts'
import { allowAuthenticated } from '../../src/policy/allow-authenticated.ts'
import { calleeEvents, type SocketDomain, socketDomain } from './domain.ts'
import {
  type Apart,
  apart,
  breakAt,
  type Change,
  endAt,
  rewrite,
  type StreamProxy,
  startProxy,
  together,
} from './proxy.ts'
import type { Service } from './servers.ts'
import { bytesAt, pieces } from './streaming-servers.ts'

const SIZE = 1_500_000
const sent = bytesAt(0, SIZE)

/** A generator of places that is the same in each run. */
function placesFrom(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return state % below
  }
}

function upload(size: number): ReadableStream<Uint8Array> {
  return Readable.toWeb(Readable.from(pieces(size), { objectMode: false })) as unknown as ReadableStream<Uint8Array>
}

/** Keeps what comes as a file, and only what came whole. */
async function keep(body: AsyncIterable<Uint8Array>, folder: string): Promise<string> {
  const part = join(folder, 'upload.part')
  try {
    await pipeline(body, createWriteStream(part))
    await rename(part, join(folder, 'upload'))
  } catch (cause) {
    await rm(part, { force: true })
    throw cause
  }
  return 'kept'
}

type Handle = (body: AsyncIterable<Uint8Array>) => Promise<string>
const download = () => Readable.from(pieces(SIZE), { objectMode: false })

async function onNode(req: IncomingMessage, res: ServerResponse, handle: Handle): Promise<void> {
  try {
    if (req.method === 'GET') await pipeline(download(), res)
    else res.end(await handle(req))
  } catch {
    res.destroy()
  }
}

const apps: ReadonlyMap<string, (ledger: Workload, handle: Handle) => Parameters<typeof createServer>[1]> = new Map([
  [
    'Express',
    (ledger, handle) =>
      express()
        .use(guardExpress(ledger, { policy: allowAuthenticated() }))
        .use((req, res) => void onNode(req, res, handle)),
  ],
  [
    'Koa',
    (ledger, handle) => {
      const app = new Koa()
      app.silent = true
      app.use(guardKoa(ledger, { policy: allowAuthenticated() }))
      app.use(async (ctx) => {
        ctx.body = ctx.method === 'GET' ? download() : await handle(ctx.req)
      })
      return app.callback()
    },
  ],
  [
    'node:http',
    (ledger, handle) => guardNode(ledger, { policy: allowAuthenticated() }, (req, res) => onNode(req, res, handle)),
  ],
  [
    'Fetch',
    (ledger, handle) => {
      const guarded = guardFetch(ledger, { policy: allowAuthenticated() }, async (request) =>
        request.method === 'GET'
          ? new Response(Readable.toWeb(download()) as unknown as ReadableStream)
          : new Response(await handle(request.body as unknown as AsyncIterable<Uint8Array>)),
      )
      return (req, res) => void throughFetch(guarded, req, res).catch(() => res.destroy())
    },
  ],
])

async function throughFetch(
  guarded: (request: Request) => Promise<Response>,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  const headers = new Headers()
  for (let i = 0; i + 1 < req.rawHeaders.length; i += 2)
    headers.append(`${req.rawHeaders[i]}`, `${req.rawHeaders[i + 1]}`)
  const body = req.method === 'GET' ? null : (Readable.toWeb(req) as unknown as ReadableStream)
  const init = { method: req.method ?? 'GET', headers, body, duplex: 'half' } as RequestInit
  const response = await guarded(new Request(`http://x${req.url}`, init))
  // What nobody has read of a request is not taken for the next one.
  res.writeHead(response.status, [...response.headers, ['connection', 'close']].flat())
  res.flushHeaders()
  if (response.body === null) res.end()
  else await pipeline(Readable.fromWeb(response.body as never), res)
}

const onChunks = (change: (whole: Apart) => Apart): Change => rewrite((body) => together(change(apart(body))))

/** What a proxy may do to chunks that it cannot read. */
const attacks: Readonly<Record<string, Change>> = {
  'two chunks swapped': onChunks(({ header, chunks: [a, b, ...rest] }) => ({
    header,
    chunks: [b, a, ...rest] as Buffer[],
  })),
  'a chunk twice': onChunks(({ header, chunks: [a, ...rest] }) => ({ header, chunks: [a, a, ...rest] as Buffer[] })),
  'a chunk left out': onChunks(({ header, chunks }) => ({ header, chunks: chunks.filter((_, i) => i !== 1) })),
  'the last chunk left out': onChunks(({ header, chunks }) => ({ header, chunks: chunks.slice(0, -1) })),
  'a byte behind the end': rewrite((body) => Buffer.concat([body, Buffer.of(0)])),
  'the whole twice': rewrite((body) => Buffer.concat([body, body])),
  'an empty body': rewrite(() => Buffer.alloc(0)),
  'another suite': rewrite((body) => Buffer.concat([body.subarray(0, 4), Buffer.of(1), body.subarray(5)])),
  'a recipient renamed': rewrite((body) =>
    Buffer.concat([body.subarray(0, 13), Buffer.of((body[13] ?? 0) ^ 1), body.subarray(14)]),
  ),
  'plain text': rewrite(() => bytesAt(0, SIZE)),
}

describe.each([...apps])('%s', (_adapter, app) => {
  let world: SocketDomain
  let service: Service
  let proxy: StreamProxy
  let orders: Workload
  let folder: string
  let read: { bytes: Buffer; error: unknown }[]
  const sockets = new Set<Socket>()

  beforeAll(async () => {
    world = await socketDomain()
    folder = await mkdtemp(join(tmpdir(), 'countersign-streams-'))
    read = []
    const handle: Handle = async (body) => {
      const one = { bytes: Buffer.alloc(0), error: undefined as unknown }
      read.push(one)
      const noted = async function* () {
        for await (const chunk of body) {
          one.bytes = Buffer.concat([one.bytes, chunk])
          yield chunk
        }
      }
      try {
        return await keep(noted(), folder)
      } catch (cause) {
        one.error = cause
        throw cause
      }
    }
    const server = createServer(app(world.ledger, handle))
    server.on('connection', (socket) => {
      sockets.add(socket)
      socket.on('close', () => sockets.delete(socket))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    service = {
      origin: `http://127.0.0.1:${port}`,
      port,
      close: async () => {
        server.closeAllConnections()
        await new Promise((resolve) => server.close(resolve))
      },
    }
    proxy = await startProxy(service)
    orders = await world.caller('orders', proxy.origin)
  })
  afterAll(async () => {
    await proxy.close()
    await service.close()
    await rm(folder, { recursive: true })
  })

  const send = async (up: Change) => {
    proxy.up = up
    read.length = 0
    const answer = await orders.fetch(proxy.origin, { method: 'POST', body: upload(SIZE) })
    const text = await answer.text()
    return { status: answer.status, text }
  }

  /** What a reader gets of a download before it fails, and what it fails with. */
  const receive = async (down: Change) => {
    proxy.up = (body) => body
    proxy.down = down
    const parts: Uint8Array[] = []
    try {
      const answer = await orders.fetch(proxy.origin)
      for await (const part of answer.body as unknown as AsyncIterable<Uint8Array>) parts.push(part)
    } catch (error) {
      return { bytes: Buffer.concat(parts), error: error as { code?: string } }
    } finally {
      proxy.down = (body) => body
    }
    return { bytes: Buffer.concat(parts), error: undefined }
  }

  const isBeginning = (bytes: Buffer) => bytes.equals(sent.subarray(0, bytes.length))

  it('is left alone', async () => {
    expect(await send((body) => body)).toEqual({ status: 200, text: 'kept' })
    expect(await readdir(folder)).toEqual(['upload'])
    await rm(join(folder, 'upload'))
    const { bytes, error } = await receive((body) => body)
    expect([bytes.equals(sent), error]).toEqual([true, undefined])
  })

  it.each(Object.entries(attacks))(
    'a request with %s fails where it is read, and nothing is kept',
    async (_name, change) => {
      const outcome = await send(change).catch((cause: { code?: string }) => cause)
      // A handler that had begun has lost its connection; one that had not was never called.
      if (read.length > 0) {
        await expect.poll(() => read[0]?.error).toBeDefined()
        expect(isBeginning(read[0]?.bytes ?? sent)).toBe(true)
        expect(read[0]?.bytes.length).toBeLessThan(SIZE)
      } else expect(outcome).toMatchObject({ status: 400 })
      await expect.poll(() => readdir(folder)).toEqual([])
      await expect.poll(async () => (await calleeEvents(world)).at(-1)?.code).toBe('unopened')
    },
  )

  it.each(Object.entries(attacks))('an answer with %s fails where it is read', async (_name, change) => {
    const { bytes, error } = await receive(change)
    expect(error?.code).toBe('unopened')
    expect(isBeginning(bytes)).toBe(true)
    expect(bytes.length).toBeLessThan(SIZE)
  })

  it('an upload that is cut at any of 50 places leaves an error and no file', async () => {
    const place = placesFrom(7)
    for (let i = 0; i < 50; i++) {
      const at = place(SIZE)
      const failed = send(i % 2 === 0 ? endAt(at) : breakAt(at)).catch((cause: unknown) => cause)
      const outcome = await failed
      if (read.length > 0) await expect.poll(() => read[0]?.error, { message: `cut at ${at}` }).toBeDefined()
      else if (!(outcome instanceof Error)) expect(outcome).toMatchObject({ status: 400 })
      expect(isBeginning(read[0]?.bytes ?? Buffer.alloc(0))).toBe(true)
    }
    expect(await readdir(folder)).toEqual([])
    await expect.poll(() => [...sockets].filter((socket) => !socket.destroyed).length).toBeLessThan(3)
    proxy.up = (body) => body
    expect(await send((body) => body)).toMatchObject({ status: 200 })
    await rm(join(folder, 'upload'))
  }, 60_000)

  it('an answer that is cut at any of 50 places fails where it is read', async () => {
    const place = placesFrom(11)
    for (let i = 0; i < 50; i++) {
      const at = place(SIZE)
      const { bytes, error } = await receive(i % 2 === 0 ? endAt(at) : breakAt(at))
      expect(['unopened', 'transport-failed'], `cut at ${at}`).toContain(error?.code)
      expect(isBeginning(bytes)).toBe(true)
    }
  }, 60_000)

  it('a flipped bit at any of 50 places is found by whoever reads, up and down', async () => {
    const place = placesFrom(13)
    const flip = (): Change =>
      rewrite((body) => {
        const changed = Buffer.from(body)
        const at = place(changed.length)
        changed[at] = (changed[at] ?? 0) ^ (1 << place(8))
        return changed
      })
    for (let i = 0; i < 25; i++) {
      const { bytes, error } = await receive(flip())
      expect([error?.code, isBeginning(bytes)]).toEqual(['unopened', true])
      const outcome = await send(flip()).catch((cause: unknown) => cause)
      if (read.length > 0) await expect.poll(() => read[0]?.error).toBeDefined()
      else expect(outcome).toMatchObject({ status: 400 })
    }
    proxy.up = (body) => body
    expect(await readdir(folder)).toEqual([])
  }, 60_000)

  it('the body of another call of the same caller is refused before its first chunk', async () => {
    let other: Buffer | undefined
    await send(
      rewrite((body) => {
        other = body
        return Buffer.alloc(0)
      }),
    ).catch(() => undefined)
    const outcome = await send(rewrite((body) => other ?? body))
    expect([outcome.status, read.length]).toEqual([400, 0])
    expect((await calleeEvents(world)).at(-1)).toMatchObject({ code: 'unopened', step: 'stream-head' })
    proxy.up = (body) => body
  })
})

it('a file is streamed from disk to disk', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-streams-'))
  const world = await socketDomain()
  const server = createServer(
    guardNode(world.ledger, { policy: allowAuthenticated() }, async (req, res) => {
      res.end(await keep(req, folder))
    }),
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const orders = await world.caller('orders', origin)
  await pipeline(Readable.from(pieces(SIZE), { objectMode: false }), createWriteStream(join(folder, 'from')))
  const body = Readable.toWeb(createReadStream(join(folder, 'from'))) as unknown as ReadableStream<Uint8Array>
  const answer = await orders.fetch(origin, { method: 'PUT', body })
  expect([answer.status, await answer.text()]).toEqual([200, 'kept'])
  expect((await readdir(folder)).sort()).toEqual(['from', 'upload'])
  server.closeAllConnections()
  server.close()
  await rm(folder, { recursive: true })
})
