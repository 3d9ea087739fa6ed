import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import {
  constants,
  createSecureServer,
  type Http2SecureServer,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import { createServer as createHttpsServer, type Server } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { type UndiciTransport, undiciTransport } from '../../src/adapters/undici.ts'
import { Exchange } from '../../src/adapters/undici-exchange.ts'
import type { UndiciTransportOptions } from '../../src/adapters/undici-options.ts'
import { utf8 } from '../../src/core/bytes.ts'
import type { ExchangeRequest } from '../../src/flow/engine.ts'
import { latch } from './sockets.ts'

function selfSigned(): { key: string; cert: string } | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-'))
  try {
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
    const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '1']
    const args = ['req', '-x509', ...kind, '-keyout', key, '-out', cert, ...subject]
    execFileSync('openssl', args, { stdio: 'ignore', timeout: 10_000 })
    return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') }
  } catch {
    return undefined
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const tls = selfSigned()
const transports: UndiciTransport[] = []
const servers: (Http2SecureServer | Server)[] = []
const sessions = new Set<ServerHttp2Session>()

afterEach(async () => {
  await Promise.all(transports.splice(0).map((transport) => transport.close()))
  for (const session of sessions) session.destroy()
  sessions.clear()
  for (const server of servers.splice(0)) server.close()
})

function transportOf(options: UndiciTransportOptions = {}): UndiciTransport {
  const transport = undiciTransport({ allowH2: true, connect: { ca: tls?.cert }, ...options })
  transports.push(transport)
  return transport
}

async function originOf(server: Http2SecureServer | Server): Promise<string> {
  servers.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  return `https://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`
}

function http2(onStream: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void): Promise<string> {
  const server = createSecureServer({ ...tls })
  server.on('session', (session) => sessions.add(session))
  server.on('stream', (stream, headers) => {
    stream.on('error', () => undefined)
    onStream(stream, headers)
  })
  return originOf(server)
}

function request(origin: string, more: Partial<ExchangeRequest> = {}): ExchangeRequest {
  const plain = { target: '/', method: 'GET', fields: [], body: undefined, signal: undefined, maxBytes: 1_000_000 }
  return { origin, ...plain, ...more }
}

describe.skipIf(tls === undefined)('over TLS', () => {
  it('speaks HTTP/1.1 unless told otherwise, and with servers that know no other', async () => {
    const versions: string[] = []
    const server = createHttpsServer({ ...tls }, (req, res) => {
      versions.push(req.httpVersion)
      setTimeout(() => res.end('ok'), 2)
    })
    const origin = await originOf(server)
    for (const allowH2 of [false, true]) {
      const transport = transportOf({ allowH2 })
      const calls = [1, 2, 3].map(() => transport.exchange(request(origin)))
      expect((await Promise.all(calls)).map(({ body }) => body)).toEqual(Array(3).fill(utf8('ok')))
    }
    expect(versions).toEqual(Array(6).fill('1.1'))
  })

  it('believes no certificate it was not told of', async () => {
    const origin = await http2((stream) => stream.respond({ ':status': 200 }, { endStream: true }))
    const call = transportOf({ connect: {} }).exchange(request(origin))
    await expect(call).rejects.toMatchObject({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' })
  })
})

describe.skipIf(tls === undefined)('over HTTP/2', () => {
  it('sends what is asked for, and keeps cookies apart', async () => {
    const origin = await http2((stream, headers) => {
      stream.additionalHeaders({ ':status': 103, link: '</a>' })
      stream.respond({ ':status': 201, 'set-cookie': ['a=1', 'b=2'], 'x-own': `${headers['x-own']}` })
      stream.pipe(stream)
    })
    const body = utf8('ü')
    const answer = await transportOf().exchange(request(origin, { method: 'POST', fields: ['X-Own', '1'], body }))
    expect([answer.status, answer.body]).toEqual([201, body])
    const { fields } = answer
    const pairs = fields.flatMap((name, i) => (i % 2 === 0 && name !== 'date' ? [`${name}: ${fields[i + 1]}`] : []))
    expect(pairs).toEqual(['set-cookie: a=1', 'set-cookie: b=2', 'x-own: 1'])
  })

  it('runs many calls beside each other on one connection', async () => {
    const waiting: ServerHttp2Stream[] = []
    const origin = await http2((stream) => {
      waiting.push(stream)
      // Nobody is answered before all have come: it takes them to be there at the same time.
      if (waiting.length === 1) stream.respond({ ':status': 204 }, { endStream: true })
      if (waiting.length === 6) for (const one of waiting.slice(1)) one.respond({ ':status': 204 }, { endStream: true })
    })
    const transport = transportOf({ connections: 1 })
    await transport.exchange(request(origin))
    const post = () => transport.exchange(request(origin, { method: 'POST', body: utf8('x') }))
    expect((await Promise.all([1, 2, 3, 4, 5].map(post))).map(({ status }) => status)).toEqual(Array(5).fill(204))
    expect(sessions.size).toBe(1)
  })

  it('ends one call alone: where it is aborted, too large or late', async () => {
    const reset: number[] = []
    const origin = await http2((stream, headers) => {
      stream.on('close', () => reset.push(stream.rstCode))
      if (headers[':path'] === '/large') stream.respond({ ':status': 200 })
      if (headers[':path'] === '/large') stream.end(Buffer.alloc(100_000))
      if (headers[':path'] === '/ok') stream.respond({ ':status': 200 })
      if (headers[':path'] === '/ok') stream.end('ok')
    })
    const transport = transportOf({ connections: 1, headersTimeoutMs: 300 })
    const reason = new Error('the user left')
    const controller = new AbortController()
    await transport.exchange(request(origin, { target: '/ok' }))
    const aborted = transport.exchange(request(origin, { signal: controller.signal }))
    setTimeout(() => controller.abort(reason), 20)
    await expect(aborted).rejects.toBe(reason)
    expect((await transport.exchange(request(origin, { target: '/large', maxBytes: 10 }))).body).toBe('too-large')
    await expect(transport.exchange(request(origin))).rejects.toMatchObject({ code: 'UND_ERR_HEADERS_TIMEOUT' })
    expect((await transport.exchange(request(origin, { target: '/ok' }))).body).toEqual(utf8('ok'))
    expect(sessions.size).toBe(1)
  })

  // Without a length nobody can tell: undici 7 takes a reset after the header for the end of the answer.
  it.each([constants.NGHTTP2_NO_ERROR, constants.NGHTTP2_CANCEL, constants.NGHTTP2_INTERNAL_ERROR])(
    'refuses an answer that is shorter than it said: code %i',
    async (code) => {
      const origin = await http2((stream) => {
        stream.respond({ ':status': 200, 'content-length': 9 })
        stream.write('half')
        setTimeout(() => stream.close(code), 20)
      })
      await expect(transportOf().exchange(request(origin))).rejects.toThrow()
    },
  )

  it('fails the calls on a connection that is lost, and sends none again', async () => {
    let count = 0
    const all = latch()
    const origin = await http2((stream, headers) => {
      if (headers[':path'] === '/ok') stream.respond({ ':status': 204 }, { endStream: true })
      else if (++count === 3) all.open()
    })
    const transport = transportOf({ connections: 1 })
    await transport.exchange(request(origin, { target: '/ok' }))
    const calls = [1, 2, 3].map(() => transport.exchange(request(origin, { method: 'POST', body: utf8('x') })))
    const settled = Promise.allSettled(calls)
    await all.promise
    for (const session of sessions) session.destroy()
    expect((await settled).map(({ status }) => status)).toEqual(Array(3).fill('rejected'))
    expect((await transport.exchange(request(origin, { target: '/ok' }))).status).toBe(204)
    expect(count).toBe(3)
  })
})

it('a request that may have arrived is not sent a second time', () => {
  const failed: unknown[] = []
  const sink = {
    start: () => undefined,
    data: () => true,
    end: () => undefined,
    fail: (cause: unknown) => failed.push(cause),
  }
  const exchange = new Exchange(sink, { signal: undefined, onOver: () => undefined })
  exchange.onConnect(() => undefined)
  // What undici does with a request it takes for one that may be repeated.
  expect(() => exchange.onConnect(() => undefined)).toThrow('after the request was sent')
})
