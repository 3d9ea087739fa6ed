import { createServer, request as httpRequest, type IncomingMessage, type RequestListener } from 'node:http'
import { connect } from 'node:net'
import { buffer } from 'node:stream/consumers'
import express from 'express'
import { afterEach, describe, expect, it } from 'vitest'
import {
  announcesBody,
  readBody,
  replaceFields,
  replayBody,
  requestOf,
  wasBodyRead,
} from '../../src/adapters/node-request.ts'
import { utf8 } from '../../src/core/bytes.ts'
import { Fields } from '../../src/core/message.ts'
import { listen, type Service } from '../journeys/servers.ts'

describe('a request on a socket', () => {
  let service: Service | undefined
  afterEach(async () => {
    await service?.close()
    service = undefined
  })

  async function start(listener: RequestListener): Promise<string> {
    service = await listen(createServer(listener))
    return service.origin
  }

  /** Writes bytes to the service as they are, and gives what came back until the other end closed. */
  function raw(text: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connect(service?.port ?? 0, '127.0.0.1', () => socket.write(text))
      let seen = ''
      socket.on('data', (chunk) => {
        seen += chunk.toString()
      })
      socket.on('close', () => resolve(seen))
      socket.on('error', reject)
    })
  }

  const ways: [string, (req: IncomingMessage) => Promise<string>][] = [
    [
      'iteration',
      async (req) => {
        let text = ''
        for await (const chunk of req) text += String(chunk)
        return text
      },
    ],
    [
      'data events',
      (req) =>
        new Promise((resolve) => {
          let text = ''
          req.on('data', (chunk) => {
            text += String(chunk)
          })
          req.on('end', () => resolve(text))
        }),
    ],
    [
      'readable events',
      (req) =>
        new Promise((resolve) => {
          let text = ''
          req.on('readable', () => {
            for (let chunk: unknown = req.read(); chunk !== null; chunk = req.read()) text += String(chunk)
          })
          req.on('end', () => resolve(text))
        }),
    ],
    ['a consumer', async (req) => (await buffer(req)).toString()],
  ]

  it.each(ways)('begins again with other bytes, or none, for %s', async (_name, read) => {
    const at = await start(async (req, res) => {
      await readBody(req, { maxBytes: 100 })
      replayBody(req, req.url === '/empty' ? undefined : utf8('other bytes'))
      res.end(JSON.stringify([await read(req), req.headers['content-length'], req.headers['transfer-encoding']]))
    })
    const post = (path: string) => fetch(at + path, { method: 'POST', body: 'bytes' }).then((answer) => answer.json())
    for (let i = 0; i < 3; i++) {
      expect(await post('/some')).toEqual(['other bytes', '11', null])
      expect(await post('/empty')).toEqual(['', '0', null])
    }
  })

  it('serves requests that were sent at once on one connection, in order', async () => {
    await start(async (req, res) => {
      const body = await readBody(req, { maxBytes: 100 })
      replayBody(req, body === 'too-large' ? undefined : body)
      res.end(`<${req.url} ${(await buffer(req)).toString()}>`)
    })
    const one = (i: number) => `POST /${i} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n${i}${i}`
    const last =
      'POST /9 HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n99\r\n0\r\nX-Trailer: evil\r\n\r\n'
    const seen = await raw(one(1) + one(2) + one(3) + last)
    expect(seen.match(/<[^>]*>/g)).toEqual(['</1 11>', '</2 22>', '</3 33>', '</9 99>'])
  })

  it('lets a handler answer without reading', async () => {
    const at = await start(async (req, res) => {
      await readBody(req, { maxBytes: 1_000_000 })
      replayBody(req, new Uint8Array(500_000))
      res.end('early')
    })
    for (let i = 0; i < 3; i++)
      expect(await (await fetch(at, { method: 'POST', body: 'x'.repeat(200_000) })).text()).toBe('early')
  })

  it('stops at the limit, and the caller can still read the answer', async () => {
    const at = await start(async (req, res) => {
      const body = await readBody(req, { maxBytes: 1000 })
      res.statusCode = body === 'too-large' ? 413 : 200
      res.end()
    })
    const statusOf = (length: number, headers: Record<string, string | number>) =>
      new Promise((resolve, reject) => {
        const req = httpRequest(at, { method: 'POST', headers, agent: false }, (res) => {
          res.resume()
          resolve(res.statusCode)
        })
        req.on('error', reject)
        req.end(Buffer.alloc(length))
      })
    expect(await statusOf(1000, { 'content-length': 1000 })).toBe(200)
    expect(await statusOf(1001, { 'content-length': 1001 })).toBe(413)
    expect(await statusOf(1000, { 'transfer-encoding': 'chunked' })).toBe(200)
    expect(await statusOf(100_000, { 'transfer-encoding': 'chunked' })).toBe(413)
  })

  it('rejects with an AbortError once the caller has left', async () => {
    let settle: (value: unknown) => void = () => undefined
    const outcome = new Promise((resolve) => {
      settle = resolve
    })
    await start((req) => {
      readBody(req, { maxBytes: 100 }).then(settle, settle)
    })
    const socket = connect(service?.port ?? 0, '127.0.0.1', () => {
      socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\nabc', () => socket.destroy())
    })
    expect(await outcome).toMatchObject({ name: 'AbortError' })
  })

  it('knows whether somebody has read the body', async () => {
    const seen: boolean[] = []
    const app = express()
    app.use('/parsed', express.json())
    app.use('/flowing', (req, _res, next) => {
      req.on('data', () => undefined)
      next()
    })
    app.use((req, res) => {
      seen.push(wasBodyRead(req))
      res.end()
      req.resume()
    })
    const at = await start(app)
    const json = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' }
    await fetch(`${at}/fresh`, json)
    await fetch(`${at}/parsed`, json)
    await fetch(`${at}/flowing`, json)
    await fetch(`${at}/parsed`)
    expect(seen).toEqual([false, true, true, false])
  })

  it('shows the same fields in every form, and no trailers', async () => {
    const at = await start(async (req, res) => {
      await readBody(req, { maxBytes: 100 })
      replaceFields(req, new Fields(['x-a', '1', 'x-a', '2', 'cookie', 'a=1', 'host', 'h']))
      const { headers, headersDistinct, rawHeaders, trailers, rawTrailers } = req
      res.end(JSON.stringify({ headers, headersDistinct, rawHeaders, trailers, rawTrailers }))
    })
    expect(await (await fetch(at, { method: 'POST', body: 'x' })).json()).toEqual({
      headers: { 'x-a': '1, 2', cookie: 'a=1', host: 'h' },
      headersDistinct: { 'x-a': ['1', '2'], cookie: ['a=1'], host: ['h'] },
      rawHeaders: ['x-a', '1', 'x-a', '2', 'cookie', 'a=1', 'host', 'h'],
      trailers: {},
      rawTrailers: [],
    })
  })

  it('reads the head as it arrived', async () => {
    let seen: unknown[] = []
    const at = await start((req, res) => {
      const { method, target, fields, scheme } = requestOf(req, req.url ?? '')
      seen = [method, target, fields.all('x-a'), scheme, announcesBody(req)]
      res.end()
    })
    const { port } = new URL(at)
    expect(port).toBe(String(service?.port))
    await raw('PUT /a?b=%20 HTTP/1.1\r\nHost: x\r\nX-A: 1\r\nx-a: 2\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
    expect(seen).toEqual(['PUT', '/a?b=%20', ['1', '2'], 'http', false])
  })
})
