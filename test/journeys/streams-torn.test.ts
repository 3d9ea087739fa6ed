import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { guard } from '../../src/adapters/node.ts'
import { undiciTransport } from '../../src/adapters/undici.ts'
import type { ExchangeRequest } from '../../src/flow/engine.ts'
import { allowAuthenticated } from '../../src/policy/allow-authenticated.ts'
import { latch, Wire } from '../adapters/sockets.ts'
import { calleeEvents, type SocketDomain, socketDomain } from './domain.ts'
import { apart, rewrite, startProxy, together } from './proxy.ts'
import { listen, type Service } from './servers.ts'
import { pieces } from './streaming-servers.ts'

const transports = { fetch: undefined, undici: undiciTransport() }
afterAll(() => transports.undici.close())

const running: Service[] = []
let world: SocketDomain

beforeAll(async () => {
  world = await socketDomain()
})
afterEach(async () => {
  world.domain.sink.clear()
  await Promise.all(running.splice(0).map((service) => service.close()))
})

async function serve(handler: RequestListener, ledger = world.ledger): Promise<Service> {
  const service = await listen(createServer(guard(ledger, { policy: allowAuthenticated() }, handler)))
  running.push(service)
  return service
}

const endless = () => Readable.from(pieces(2 ** 40), { objectMode: false })

/** The bytes of a call as they would travel: nobody has sent them yet. */
async function written(
  { origin }: Service,
  path: string,
  init: RequestInit = {},
): Promise<{ head: string; body: Buffer }> {
  const taken = latch<ExchangeRequest>()
  const exchange = (request: ExchangeRequest) => {
    // What the library has to know first of all it asks for itself.
    if (request.target.startsWith('/.well-known/')) return transports.undici.exchange(request)
    taken.open(request)
    return new Promise<never>(() => undefined)
  }
  const transport = Object.assign(() => Promise.reject(new Error('unused')), { exchange })
  const orders = await world.caller('orders', origin, { transport, sessions: false })
  void orders.fetch(`${origin}${path}`, init).catch(() => undefined)
  const { method, target, fields, body } = await taken.promise
  const bytes = Buffer.from(await new Response(body ?? null).arrayBuffer())
  let head = `${method} ${target} HTTP/1.1\r\nHost: x\r\n`
  for (let i = 0; i + 1 < fields.length; i += 2) head += `${fields[i]}: ${fields[i + 1]}\r\n`
  if (body !== undefined) head += `Content-Length: ${bytes.length}\r\n`
  return { head: `${head}\r\n`, body: bytes }
}

describe('a connection that is lost', () => {
  it('ends each of the downloads that were pipelined on it, and the one that waited for its turn too', async () => {
    const ends: unknown[] = []
    const closed: (string | undefined)[] = []
    const service = await serve(async (req, res) => {
      res.on('close', () => closed.push(req.url))
      await pipeline(endless(), res).catch((cause) => ends.push(cause.code))
    })
    const calls = [await written(service, '/1'), await written(service, '/2')]
    const wire = new Wire(service.port)
    await once(wire.socket, 'connect')
    wire.socket.pause()
    wire.send(calls.map(({ head }) => head).join(''))
    // Until both have written what they may.
    await new Promise((resolve) => setTimeout(resolve, 300))
    wire.socket.destroy()
    await expect.poll(() => ends).toEqual(['ERR_STREAM_PREMATURE_CLOSE', 'ERR_STREAM_PREMATURE_CLOSE'])
    expect(closed.sort()).toEqual(['/1', '/2'])
    const events = await calleeEvents(world)
    expect(events.map(({ path, code }) => [path, code]).sort()).toEqual([
      ['/1', 'transport-failed'],
      ['/2', 'transport-failed'],
    ])
  })

  it('ends an answer that waited for its turn before it was begun, and before it was whole', async () => {
    const closed: (string | undefined)[] = []
    const service = await serve((req, res) => {
      res.on('close', () => {
        if (res.closed) closed.push(req.url)
      })
      if (req.url === '/1') pipeline(endless(), res).catch(() => undefined)
      else if (req.url === '/begun') res.write('begun')
    })
    const calls = [await written(service, '/1'), await written(service, '/begun'), await written(service, '/silent')]
    const wire = new Wire(service.port)
    await once(wire.socket, 'connect')
    wire.socket.pause()
    wire.send(calls.map(({ head }) => head).join(''))
    await new Promise((resolve) => setTimeout(resolve, 300))
    wire.socket.destroy()
    await expect.poll(() => closed.sort()).toEqual(['/1', '/begun', '/silent'])
  })
})

/** What ends the process, if nobody else were asked: the test is. */
function uncaught(): unknown[] {
  const thrown: unknown[] = []
  const before = process.listeners('uncaughtException')
  beforeAll(() => {
    process.removeAllListeners('uncaughtException')
    process.on('uncaughtException', (error) => thrown.push(error))
  })
  afterAll(() => {
    process.removeAllListeners('uncaughtException')
    for (const listener of before) process.on('uncaughtException', listener)
  })
  return thrown
}

describe('an upload whose handler has answered before all of it arrived', () => {
  const whole = Buffer.alloc(900_000, 'GET /within HTTP/1.1\r\nHost: x\r\n\r\n')

  it.each([200, 403, 413])('is read past, changed or not, and never taken for another request: %i', async (status) => {
    const paths: (string | undefined)[] = []
    const ended: (string | undefined)[] = []
    const service = await serve((req, res) => {
      paths.push(req.url)
      req.on('end', () => ended.push(req.url))
      res.writeHead(status).end(`answered ${paths.length}`)
    })
    const wire = new Wire(service.port)
    for (const [index, isChanged] of [false, true, false].entries()) {
      const call = await written(service, `/${index}`, { method: 'POST', body: new Blob([whole]).stream() })
      // Its first chunk is whole when the answer leaves; the second one is not what was sealed.
      const at = 400_000
      if (isChanged) call.body.writeUInt8(call.body.readUInt8(at) ^ 1, at)
      wire.send(call.head)
      wire.socket.write(call.body.subarray(0, 300_000))
      await wire.until(new RegExp(`(HTTP/1.1 ${status}[\\s\\S]*){${index + 1}}`))
      wire.socket.write(call.body.subarray(300_000))
    }
    const last = await written(service, '/last')
    await wire.send(last.head).until(new RegExp(`(HTTP/1.1 ${status}[\\s\\S]*){4}`))
    expect([paths, wire.socket.destroyed]).toEqual([['/0', '/1', '/2', '/last'], false])
    await expect.poll(() => ended).toEqual(['/0', '/1', '/2', '/last'])
    wire.socket.destroy()
  })
})

describe('a handler whose listener throws', () => {
  const thrown = uncaught()

  it('keeps nobody else from hearing that the connection was lost', async () => {
    thrown.length = 0
    const bug = new TypeError('a bug of the handler')
    const closed: (string | undefined)[] = []
    const service = await serve((req, res) => {
      res.on('close', () => {
        closed.push(req.url)
        // Those that wait for their turn: of the first one Node tells, before it tells anybody else.
        if (req.url !== '/1') throw bug
      })
      pipeline(endless(), res).catch(() => undefined)
    })
    const calls = await Promise.all(['/1', '/2', '/3'].map((path) => written(service, path)))
    const wire = new Wire(service.port)
    await once(wire.socket, 'connect')
    wire.socket.pause()
    wire.send(calls.map(({ head }) => head).join(''))
    await new Promise((resolve) => setTimeout(resolve, 300))
    wire.socket.destroy()
    await expect.poll(() => closed.length).toBe(3)
    await expect.poll(() => thrown).toEqual([bug, bug])
  })

  it.each(['data', 'end'])('is to blame itself, and not the body it was given: %s', async (event) => {
    thrown.length = 0
    const bug = new TypeError('a bug of the handler')
    const errors: unknown[] = []
    const service = await serve((req, res) => {
      let isFirst = true
      req.on('error', (error) => errors.push(error))
      req.on('end', () => res.end('read'))
      req.on(event, () => {
        if (isFirst) {
          isFirst = false
          throw bug
        }
      })
      if (event === 'end') req.resume()
    })
    const orders = await world.caller('orders', service.origin, { sessions: false })
    const body = new Blob([Buffer.alloc(600_000)]).stream()
    const answer = await orders.fetch(service.origin, { method: 'POST', body })
    expect([answer.status, await answer.text()]).toEqual([200, 'read'])
    expect([thrown, errors]).toEqual([[bug], []])
    expect((await calleeEvents(world)).at(-1)).toMatchObject({ status: 200, requestBytes: 600_000 })
    expect((await calleeEvents(world)).at(-1)?.code).toBeUndefined()
  })
})

describe.each(['fetch', 'undici'] as const)('an upload over %s is let go of', (by) => {
  /** A body without an end: how often it was asked for more, and why it was let go of. */
  function endlessBody() {
    const seen = { pulls: 0, left: undefined as unknown }
    const body = new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          seen.pulls++
          await new Promise(setImmediate)
          controller.enqueue(new Uint8Array(65_536))
        },
        cancel(reason) {
          seen.left = reason
        },
      },
      { highWaterMark: 0 },
    )
    return { seen, body }
  }

  const start = async (handler: RequestListener) => {
    const service = await serve(handler)
    const transport = transports[by]
    return {
      service,
      orders: await world.caller('orders', service.origin, transport === undefined ? {} : { transport }),
    }
  }

  const events: RequestListener = (req, res) => {
    req.resume()
    res.writeHead(200, { 'content-type': 'text/event-stream' })
    res.write('data: 1\n\n')
  }

  it('where it was answered before it was sent', async () => {
    const { service, orders } = await start((_req, res) => res.end('enough'))
    const { seen, body } = endlessBody()
    const answer = await orders.fetch(service.origin, { method: 'POST', body })
    expect(await answer.text()).toBe('enough')
    await expect.poll(() => seen.left).toBeInstanceOf(Error)
  })

  it('where its answer is cancelled', async () => {
    const { service, orders } = await start(events)
    const { seen, body } = endlessBody()
    const answer = await orders.fetch(service.origin, { method: 'POST', body })
    const reader = answer.body?.getReader()
    await reader?.read()
    await reader?.cancel()
    await expect.poll(() => seen.left).toBeInstanceOf(Error)
    const { pulls } = seen
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(seen.pulls).toBe(pulls)
  })

  it('where its call is aborted while the answer is read', async () => {
    const { service, orders } = await start(events)
    const { seen, body } = endlessBody()
    const controller = new AbortController()
    const reason = new Error('the user left')
    const answer = await orders.fetch(service.origin, { method: 'POST', body, signal: controller.signal })
    const reader = answer.body?.getReader()
    await reader?.read()
    controller.abort(reason)
    await expect(reader?.read()).rejects.toBe(reason)
    await expect.poll(() => seen.left).toBe(reason)
    const { pulls } = seen
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(seen.pulls).toBe(pulls)
  })
})

describe.each(['fetch', 'undici'] as const)('an answer over %s', (by) => {
  const callerOf = (origin: string) => {
    const transport = transports[by]
    return world.caller('orders', origin, transport === undefined ? {} : { transport })
  }

  it.each([
    ['HEAD', 200],
    ['GET', 204],
    ['GET', 304],
    ['GET', 205],
  ])('that has no body holds no connection, however much its handler writes: %s, %i', async (method, status) => {
    const service = await serve((_req, res) => {
      res.statusCode = status
      pipeline(Readable.from(pieces(3_000_000), { objectMode: false }), res).catch(() => undefined)
    })
    const orders = await callerOf(service.origin)
    const given = await orders.fetch(service.origin, { method }).catch((cause: { code: string }) => cause.code)
    // A 205 that has one all the same is no answer to fetch.
    if (by === 'fetch' && status === 205) expect(given).toBe('unopened')
    else expect([(given as Response).status, (given as Response).body]).toEqual([status, null])
    const events = async () => (await calleeEvents(world)).filter(({ path }) => path === '/')
    await expect.poll(async () => (await events()).length).toBe(1)
  })

  it('with a content coding is refused where it is too long to be kept, and the event says why', async () => {
    const service = await serve((_req, res) => {
      res.setHeader('content-encoding', 'br')
      pipeline(Readable.from(pieces(3_000_000), { objectMode: false }), res).catch(() => undefined)
    })
    const answer = await (await callerOf(service.origin)).fetch(service.origin)
    expect(answer.status).toBe(501)
    expect((await calleeEvents(world)).at(-1)).toMatchObject({ code: 'answer-unsignable', step: 'content-encoding' })
  })

  it('goes on to its end when sessions are ended and both workloads are closed, and so does its upload', async () => {
    const own = await socketDomain()
    const go = latch()
    const service = await serve(async (req, res) => {
      if (req.method === 'GET') {
        res.end('opens the session')
        return
      }
      res.flushHeaders()
      await pipeline(
        req,
        async function* (source: AsyncIterable<Buffer>) {
          for await (const piece of source) {
            yield piece
            await go.promise
          }
        },
        res,
      )
    }, own.ledger)
    const transport = transports[by]
    const orders = await own.caller('orders', service.origin, transport === undefined ? {} : { transport })
    await (await orders.fetch(service.origin)).text()
    const body = new Blob([Buffer.alloc(3_000_000, 7)]).stream()
    const answer = await orders.fetch(service.origin, { method: 'POST', body })
    expect(own.ledger.endSessions(() => true)).toBeGreaterThan(0)
    orders.endSessions(() => true)
    await Promise.all([own.ledger.close(), orders.close()])
    go.open()
    const bytes = new Uint8Array(await answer.arrayBuffer())
    expect([bytes.length, bytes.every((byte) => byte === 7)]).toEqual([3_000_000, true])
  })
})

it('an upload of another length than its head says is an error to who reads it, and no request', async () => {
  const read: { path: string | undefined; bytes: number; error: unknown }[] = []
  const service = await serve(async (req, res) => {
    const one = { path: req.url, bytes: 0, error: undefined as unknown }
    try {
      for await (const piece of req) one.bytes += piece.length
    } catch (error) {
      one.error = error
    }
    read.push(one)
    res.end('read')
  })
  for (const difference of [-16, -300_000, 16]) {
    const { head, body } = await written(service, '/upload', {
      method: 'POST',
      body: new Blob([Buffer.alloc(600_000)]).stream(),
    })
    const wire = new Wire(service.port)
    wire.send(head.replace(/Content-Length: \d+/, `Content-Length: ${body.length + difference}`))
    wire.socket.write(body)
    wire.send((await written(service, '/next')).head)
    await expect.poll(() => read.length).toBe(1)
    expect(read.splice(0)).toMatchObject([{ path: '/upload', error: { code: 'unopened' } }])
    await expect.poll(() => wire.socket.destroyed).toBe(true)
  }
})

it('a body put together from those of two calls fails where they meet, up and down', async () => {
  const read: unknown[] = []
  const service = await serve(async (req, res) => {
    if (req.method === 'GET') {
      await pipeline(Readable.from(pieces(1_500_000), { objectMode: false }), res).catch(() => undefined)
      return
    }
    let bytes = 0
    try {
      for await (const piece of req) bytes += piece.length
    } catch (error) {
      read.push(bytes, error)
    }
    res.destroy()
  })
  const proxy = await startProxy(service)
  running.push(proxy)
  const orders = await world.caller('orders', proxy.origin)
  let first: Buffer | undefined
  const splice = rewrite((body) => {
    const { header, chunks } = apart(body)
    // The handshake comes this way, too.
    if (chunks.length === 0) return body
    const other = apart(first ?? body).chunks
    first ??= body
    return together({ header, chunks: [...chunks.slice(0, 2), ...other.slice(2)] })
  })
  proxy.down = splice
  expect((await (await orders.fetch(proxy.origin)).arrayBuffer()).byteLength).toBe(1_500_000)
  const parts: number[] = []
  const second = await orders.fetch(proxy.origin)
  const reading = async () => {
    for await (const part of second.body as unknown as AsyncIterable<Uint8Array>) parts.push(part.length)
  }
  await expect(reading()).rejects.toMatchObject({ code: 'unopened', detail: { step: 'chunk-auth' } })
  expect(parts.reduce((sum, length) => sum + length, 0)).toBe(524_288)
  first = undefined
  proxy.down = (body) => body
  proxy.up = splice
  const send = () => orders.fetch(proxy.origin, { method: 'POST', body: new Blob([Buffer.alloc(1_500_000)]).stream() })
  await expect(send()).rejects.toMatchObject({ code: 'transport-failed' })
  await expect(send()).rejects.toMatchObject({ code: 'transport-failed' })
  expect(read).toMatchObject([524_288, { code: 'unopened', detail: { step: 'chunk-auth' } }])
})
