import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { createServer as createTcpServer, type Server, type Socket } from 'node:net'
import express from 'express'
import { Agent, buildConnector } from 'undici'
import { afterEach, describe, expect, it } from 'vitest'
import { callOf } from '../../src/adapters/call-of.ts'
import { guard } from '../../src/adapters/express.ts'
import { type UndiciTransport, undiciTransport } from '../../src/adapters/undici.ts'
import type { UndiciTransportOptions } from '../../src/adapters/undici-options.ts'
import { utf8 } from '../../src/core/bytes.ts'
import type { ExchangeAnswer, ExchangeRequest } from '../../src/flow/engine.ts'
import { allowAuthenticated } from '../../src/policy/allow-authenticated.ts'
import { answerOf } from '../../src/workload/secure-fetch.ts'
import { socketDomain } from '../journeys/domain.ts'
import { latch, servers } from './sockets.ts'

const serve = servers()
const open: UndiciTransport[] = []
const wires: { server: Server; sockets: Set<Socket> }[] = []

afterEach(async () => {
  await Promise.all(open.splice(0).map((transport) => transport.close()))
  for (const { server, sockets } of wires.splice(0)) {
    for (const socket of sockets) socket.destroy()
    server.close()
  }
})

function transportOf(options?: UndiciTransportOptions): UndiciTransport {
  const transport = undiciTransport(options)
  open.push(transport)
  return transport
}

/** A server that says what no HTTP library would: it gets each connection and what arrived first on it. */
async function rawServer(
  answer: (socket: Socket, count: number) => void,
): Promise<{ origin: string; heard: string[] }> {
  const sockets = new Set<Socket>()
  const heard: string[] = []
  const server = createTcpServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('data', (chunk) => {
      heard.push(chunk.toString('latin1'))
      answer(socket, heard.length)
    })
  })
  wires.push({ server, sockets })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  return { origin: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`, heard }
}

function request(origin: string, more: Partial<ExchangeRequest> = {}): ExchangeRequest {
  const plain = { target: '/', method: 'GET', fields: [], body: undefined, signal: undefined, maxBytes: 1_000_000 }
  return { origin, ...plain, ...more }
}

/** The body of an answer that does not stream. */
function wholeOf({ body }: ExchangeAnswer): Uint8Array<ArrayBuffer> {
  if (!(body instanceof Uint8Array)) throw new Error('no whole body')
  return body
}

function textOf(body: ExchangeAnswer['body']): string {
  return body instanceof Uint8Array ? Buffer.from(body).toString() : String(body)
}

const endless: RequestListener = (_req, res) => {
  res.flushHeaders()
  const timer = setInterval(() => res.write(Buffer.alloc(10_000)), 1)
  res.on('close', () => clearInterval(timer))
}

describe('an exchange', () => {
  it('sends the fields and the body as they are, and adds only what frames them', async () => {
    const { origin, heard } = await rawServer((socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'))
    const fields = ['X-Own', 'a', 'accept', '*/*', 'x-own', 'b']
    await transportOf().exchange(request(origin, { method: 'POST', target: '/~a?b=%20', fields, body: utf8('ü') }))
    expect(heard.join('')).toBe(
      `POST /~a?b=%20 HTTP/1.1\r\nhost: ${origin.slice(7)}\r\nconnection: keep-alive\r\n` +
        'X-Own: a\r\naccept: */*\r\nx-own: b\r\ncontent-length: 2\r\n\r\n\xc3\xbc',
    )
  })

  it('keeps order, spelling and repetition of the header, cookies apart', async () => {
    const { origin } = await serve((_req, res) => {
      const cookies = ['Set-Cookie', 'a=1, x', 'X-Own', 'é', 'set-cookie', 'b=2']
      res.sendDate = false
      res.writeHead(201, cookies).end('ok')
    })
    const answer = await transportOf().exchange(request(origin))
    expect(answer.status).toBe(201)
    expect(answer.fields.slice(0, 6)).toEqual(['Set-Cookie', 'a=1, x', 'X-Own', 'é', 'set-cookie', 'b=2'])
    expect(textOf(answer.body)).toBe('ok')
  })

  it('ignores interim answers, drops trailers, follows no redirect and decodes nothing', async () => {
    const { origin, heard } = await rawServer((socket) =>
      socket.write(
        'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Encoding: gzip\r\n' +
          'Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nX-Trailer: 1\r\n\r\n',
      ),
    )
    const answer = await transportOf().exchange(request(origin))
    const fields = ['Location', '/b', 'Content-Encoding', 'gzip', 'Transfer-Encoding', 'chunked']
    expect(answer).toEqual({ status: 302, fields, body: utf8('ab') })
    expect(heard).toHaveLength(1)
  })

  it.each([
    ['HEAD', 200],
    ['GET', 204],
    ['GET', 304],
  ])('takes the answer without a body: %s, %i', async (method, status) => {
    const { origin } = await serve((_req, res) => {
      if (status !== 204) res.setHeader('content-length', '5')
      res.writeHead(status).end()
    })
    const answer = await transportOf().exchange(request(origin, { method, maxBytes: 1 }))
    expect([answer.status, wholeOf(answer).length]).toEqual([status, 0])
  })

  it('gives a body in a buffer of its own', async () => {
    const { origin } = await serve((_req, res) => res.end('ok'))
    expect(wholeOf(await transportOf().exchange(request(origin))).buffer.byteLength).toBe(2)
  })

  it('gives what streams as it comes, however long it is, and sends a stream as it is read', async () => {
    const { origin } = await serve((req, res) => req.pipe(res))
    const body = new Blob(['x'.repeat(300_000)]).stream()
    const wanted = { method: 'POST', body, maxBytes: 1, isStream: () => true }
    const answer = await transportOf().exchange(request(origin, wanted))
    if (!(answer.body instanceof ReadableStream)) throw new Error('no stream')
    expect(await new Response(answer.body).text()).toBe('x'.repeat(300_000))
  })

  it('fails a stream that is cut short', async () => {
    const { origin } = await serve((_req, res) => {
      res.write('x')
      setTimeout(() => res.destroy(), 20)
    })
    const { body } = await transportOf().exchange(request(origin, { isStream: () => true }))
    await expect(new Response(body as ReadableStream).text()).rejects.toThrow()
  })

  it('fails with its cause where nobody listens', async () => {
    const { origin } = await serve(() => undefined)
    const transport = transportOf()
    await expect(transport.exchange(request(origin.replace(/\d+$/, '1')))).rejects.toMatchObject({
      code: 'ECONNREFUSED',
    })
  })

  it('fails where the request is none', async () => {
    const { origin } = await serve((_req, res) => res.end())
    await expect(transportOf().exchange(request(origin, { fields: ['a b', '1'] }))).rejects.toThrow('invalid header')
  })
})

describe('connections', () => {
  it('are kept and used again', async () => {
    const ports: (number | undefined)[] = []
    const { origin } = await serve((req, res) => {
      ports.push(req.socket.remotePort)
      req.resume().on('end', () => res.end('ok'))
    })
    const transport = transportOf()
    for (let i = 0; i < 4; i++) {
      await transport.exchange(request(origin, { method: 'POST', body: utf8('x') }))
      // undici gives a connection back a turn of the event loop after its answer.
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect([ports.length, new Set(ports).size]).toEqual([4, 1])
  })

  it('are as many as allowed, and further calls wait', async () => {
    const ports = new Set<number | undefined>()
    let most = 0
    let now = 0
    const { origin } = await serve((req, res) => {
      ports.add(req.socket.remotePort)
      most = Math.max(most, ++now)
      setTimeout(() => {
        now--
        res.end('ok')
      }, 5)
    })
    const transport = transportOf({ connections: 2 })
    const answers = await Promise.all(Array.from({ length: 8 }, () => transport.exchange(request(origin))))
    expect(answers.map(({ body }) => textOf(body))).toEqual(Array(8).fill('ok'))
    expect([ports.size, most]).toEqual([2, 2])
  })

  it('that the server closed while idle are replaced', async () => {
    const { origin, heard } = await rawServer((socket) => {
      socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok')
    })
    const transport = transportOf()
    for (let i = 0; i < 3; i++) {
      const { body } = await transport.exchange(request(origin, { method: 'POST', body: utf8('x') }))
      expect(textOf(body)).toBe('ok')
      await new Promise((resolve) => setTimeout(resolve, i * 5))
    }
    expect(heard).toHaveLength(3)
  })

  it('that end after a request was sent fail the call, and it is not sent again', async () => {
    const { origin, heard } = await rawServer((socket, count) => {
      if (count === 1) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
      else socket.destroy()
    })
    const transport = transportOf()
    await transport.exchange(request(origin))
    await expect(transport.exchange(request(origin))).rejects.toThrow('closed')
    expect(heard).toHaveLength(2)
  })

  it('go when the transport is closed, and the calls on their way end first', async () => {
    const sockets: Socket[] = []
    const { origin } = await serve((req, res) => {
      sockets.push(req.socket)
      setTimeout(() => res.end('late'), 20)
    })
    const transport = transportOf()
    const call = transport.exchange(request(origin))
    while (sockets.length === 0) await new Promise((resolve) => setTimeout(resolve, 1))
    await Promise.all([transport.close(), transport.close()])
    expect(textOf((await call).body)).toBe('late')
    const [socket] = sockets
    if (socket?.closed === false) await once(socket, 'close')
    expect(transport.close()).toBe(transport.close())
  })

  it('leave no handle behind once the transport is closed, not even one that was still connecting', async () => {
    const made: Socket[] = []
    // A name that is never resolved: as a host that drops packets, it keeps undici connecting.
    const base = buildConnector({ lookup: () => undefined })
    const never: typeof base = (options, callback) => {
      // It gives the socket, whatever its type says.
      const socket = base(options, callback) as unknown as Socket
      made.push(socket)
      return socket
    }
    const transport = transportOf({ connect: never })
    const call = transport.exchange(request('http://nowhere.test', { signal: AbortSignal.timeout(5) }))
    await expect(call).rejects.toMatchObject({ name: 'TimeoutError' })
    await transport.close()
    expect(made.map(({ destroyed }) => destroyed)).toEqual([true])
  })

  it('are those of the dispatcher where one is given, which stays open', async () => {
    const { origin } = await serve((_req, res) => res.end('ok'))
    const dispatcher = new Agent()
    const transport = transportOf({ dispatcher, headersTimeoutMs: 1000, bodyTimeoutMs: 1000 })
    expect(textOf((await transport.exchange(request(origin))).body)).toBe('ok')
    await transport.close()
    expect(dispatcher.closed).toBe(false)
    await dispatcher.close()
  })
})

describe('an abort', () => {
  const reason = new Error('the user left')

  it('before the call sends nothing', async () => {
    const { origin, heard } = await rawServer(() => undefined)
    await expect(transportOf().exchange(request(origin, { signal: AbortSignal.abort(reason) }))).rejects.toBe(reason)
    expect(heard).toEqual([])
  })

  it('while the answer is awaited rejects with its reason and closes the connection', async () => {
    const closed = latch()
    const arrived = latch()
    const { origin } = await serve((req) => {
      req.socket.on('close', () => closed.open())
      arrived.open()
    })
    const controller = new AbortController()
    const call = transportOf().exchange(request(origin, { signal: controller.signal }))
    await arrived.promise
    controller.abort(reason)
    await expect(call).rejects.toBe(reason)
    await closed.promise
  })

  it('while the answer is read rejects with its reason and closes the connection', async () => {
    const closed = latch()
    const { origin } = await serve((req, res) => {
      req.socket.on('close', () => closed.open())
      endless(req, res)
    })
    const controller = new AbortController()
    const call = transportOf().exchange(request(origin, { signal: controller.signal, maxBytes: 2 ** 30 }))
    setTimeout(() => controller.abort(reason), 30)
    await expect(call).rejects.toBe(reason)
    await closed.promise
  })

  it('of a call with another reason than an error passes it on', async () => {
    const { origin } = await serve(() => undefined)
    const controller = new AbortController()
    const call = transportOf().exchange(request(origin, { signal: controller.signal }))
    setTimeout(() => controller.abort('enough'), 5)
    await expect(call).rejects.toBe('enough')
  })

  it('a request whose exchange is over by the time a connection is there is not sent', async () => {
    const gate = latch()
    const targets: (string | undefined)[] = []
    const ports = new Set<number | undefined>()
    const { origin } = await serve(async (req, res) => {
      targets.push(req.url)
      ports.add(req.socket.remotePort)
      await gate.promise
      res.end('ok')
    })
    const transport = transportOf({ connections: 1 })
    const first = transport.exchange(request(origin, { target: '/1' }))
    const controller = new AbortController()
    const second = transport.exchange(request(origin, { target: '/2', signal: controller.signal }))
    const third = transport.exchange(request(origin, { target: '/3' }))
    controller.abort(reason)
    await expect(second).rejects.toBe(reason)
    gate.open()
    await Promise.all([first, third])
    expect([targets, ports.size]).toEqual([['/1', '/3'], 1])
  })

  it('leaves no listener behind on the signal', async () => {
    const { origin } = await serve((_req, res) => res.end('ok'))
    const { signal } = new AbortController()
    const seen: string[] = []
    const { addEventListener, removeEventListener } = signal
    signal.addEventListener = (...given: Parameters<typeof addEventListener>) => {
      seen.push('add')
      addEventListener.apply(signal, given)
    }
    signal.removeEventListener = (...given: Parameters<typeof removeEventListener>) => {
      seen.push('remove')
      removeEventListener.apply(signal, given)
    }
    await transportOf().exchange(request(origin, { signal }))
    expect(seen).toEqual(['add', 'remove'])
  })
})

describe('an answer', () => {
  it('that does not begin in time fails', async () => {
    const { origin } = await serve(() => undefined)
    const call = transportOf({ headersTimeoutMs: 20 }).exchange(request(origin))
    await expect(call).rejects.toMatchObject({ code: 'UND_ERR_HEADERS_TIMEOUT' })
  })

  it('that pauses for too long fails', async () => {
    const { origin } = await serve((_req, res) => void res.write('begun'))
    const call = transportOf({ bodyTimeoutMs: 20 }).exchange(request(origin))
    await expect(call).rejects.toMatchObject({ code: 'UND_ERR_BODY_TIMEOUT' })
  })

  it('an answer larger than the limit is not read on, and its connection closed', async () => {
    const closed = latch()
    const { origin } = await serve((req, res) => {
      req.socket.on('close', () => closed.open())
      endless(req, res)
    })
    const { body } = await transportOf().exchange(request(origin, { maxBytes: 15_000 }))
    expect(body).toBe('too-large')
    await closed.promise
  })

  it('as large as the limit is read, one byte more is not', async () => {
    const { origin } = await serve((_req, res) => void res.setHeader('connection', 'close').end('12345'))
    const transport = transportOf()
    expect(textOf((await transport.exchange(request(origin, { maxBytes: 5 }))).body)).toBe('12345')
    expect((await transport.exchange(request(origin, { maxBytes: 4 }))).body).toBe('too-large')
    expect(textOf((await transport.exchange(request(origin, { maxBytes: 5 }))).body)).toBe('12345')
  })

  it.each([
    'Content-Length: 9\r\n\r\nhalf',
    'Content-Length: 9\r\nConnection: close\r\n\r\nhalf',
    'Transfer-Encoding: chunked\r\n\r\n9\r\nhalf',
    'Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n4\r\nhalf\r\n',
    'Content-Le',
  ])('that is cut short is an error: %j', async (rest) => {
    const { origin } = await rawServer((socket) => socket.end(`HTTP/1.1 200 OK\r\n${rest}`))
    await expect(transportOf().exchange(request(origin))).rejects.toThrow()
  })
})

describe('as a function shaped like fetch', () => {
  it('sends what fetch sends and gives a Response', async () => {
    const { origin } = await serve((req, res) => {
      res.setHeader('set-cookie', ['a=1', 'b=2'])
      res.writeHead(req.url === '/moved' ? 302 : 200, { location: '/x', 'x-type': `${req.headers['content-type']}` })
      req.pipe(res)
    })
    const transport = transportOf()
    const answer = await transport(`${origin}/a?b#c`, { method: 'POST', body: 'ü', headers: { 'x-own': '1' } })
    expect([answer.status, await answer.text()]).toEqual([200, 'ü'])
    expect(answer.headers.get('x-type')).toBe('text/plain;charset=UTF-8')
    expect(answer.headers.getSetCookie()).toEqual(['a=1', 'b=2'])
    expect((await transport(`${origin}/moved`, { redirect: 'follow' })).status).toBe(302)
  })

  it.each([
    ['HEAD', 200],
    ['GET', 204],
    ['GET', 304],
  ])('gives no body where there is none: %s, %i', async (method, status) => {
    const { origin } = await serve((_req, res) => void res.writeHead(status).end())
    const answer = await transportOf()(origin, { method })
    expect([answer.status, answer.body]).toEqual([status, null])
  })

  it('reads as fast as its reader, whole', async () => {
    const { origin } = await serve((_req, res) => void res.end(Buffer.alloc(3_000_000, 7)))
    const answer = await transportOf()(origin, {})
    await new Promise((resolve) => setTimeout(resolve, 20))
    const bytes = new Uint8Array(await answer.arrayBuffer())
    expect([bytes.length, bytes.every((byte) => byte === 7)]).toEqual([3_000_000, true])
  })

  it('closes the connection where its reader stops, and ends where the signal says so', async () => {
    const closed = latch()
    const { origin } = await serve((req, res) => {
      req.socket.on('close', () => closed.open())
      endless(req, res)
    })
    const transport = transportOf()
    await (await transport(origin, {})).body?.cancel()
    await closed.promise
    const reason = new Error('the user left')
    const controller = new AbortController()
    const answer = await transport(origin, { signal: controller.signal })
    setTimeout(() => controller.abort(reason), 10)
    await expect(answer.arrayBuffer()).rejects.toBe(reason)
    await expect(transport(origin, { signal: controller.signal })).rejects.toBe(reason)
  })

  it('fails where the answer is cut short', async () => {
    const { origin } = await rawServer((socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf'))
    const answer = await transportOf()(origin, {})
    await expect(answer.text()).rejects.toThrow()
  })
})

it('a transport that was closed sends nothing', async () => {
  const { origin, heard } = await rawServer(() => undefined)
  const transport = transportOf()
  await transport.close()
  await expect(transport.exchange(request(origin))).rejects.toThrow('The transport was closed.')
  await expect(transport(origin, {})).rejects.toThrow('The transport was closed.')
  expect(heard).toEqual([])
})

it('carries the calls of a workload to a guarded express app', async () => {
  const world = await socketDomain()
  const app = express()
  const ports = new Set<number | undefined>()
  app.use(guard(world.ledger, { policy: allowAuthenticated() }))
  app.use(express.text())
  app.use((req, res) => {
    ports.add(req.socket.remotePort)
    res
      .cookie('a', '1')
      .cookie('b', '2')
      .send(`${callOf(req).peer.id} ${req.method} ${req.body}`)
  })
  const server = createServer(app).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const origin = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`
  const orders = await world.caller('orders', origin, { transport: transportOf() })
  for (const seal of ['never', 'always'] as const) {
    const answer = await orders.fetch(`${origin}/x`, { method: 'POST', body: 'b', countersign: { seal } })
    expect(await answer.text()).toBe(`${orders.id} POST b`)
    expect(answer.headers.getSetCookie()).toHaveLength(2)
    expect(answerOf(answer).sealed).toBe(seal === 'always')
  }
  const small = orders.fetch(`${origin}/x`, { countersign: { maxAnswerBytes: 3 } })
  await expect(small).rejects.toMatchObject({ code: 'answer-too-large' })
  server.closeAllConnections()
  server.close()
  await expect(orders.fetch(`${origin}/x`)).rejects.toMatchObject({ code: 'transport-failed', outcome: 'unknown' })
})
