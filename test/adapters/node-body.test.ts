import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { PassThrough } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import express5 from 'express'
import express4 from 'express4'
import Koa3 from 'koa'
import bodyParser from 'koa-bodyparser'
import Koa2 from 'koa2'
import multer from 'multer'
import { describe, expect, it } from 'vitest'
import { discardUnread, readBody, replayBody } from '../../src/adapters/node-body.ts'
import { replaceFields } from '../../src/adapters/node-request.ts'
import { type Bytes, utf8 } from '../../src/core/bytes.ts'
import { Fields } from '../../src/core/message.ts'
import { collect, latch, servers, Wire } from './sockets.ts'

const serve = servers()

const ways: [string, (req: IncomingMessage) => Promise<string>][] = [
  ['data events', collect],
  ['a consumer', async (req) => (await buffer(req)).toString()],
  [
    'iteration',
    async (req) => {
      let text = ''
      for await (const chunk of req) text += String(chunk)
      return text
    },
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
  [
    'a pipe',
    async (req) => {
      const through = new PassThrough()
      req.pipe(through)
      return (await buffer(through)).toString()
    },
  ],
  [
    'a pipeline',
    async (req) => {
      const through = new PassThrough()
      const [text] = await Promise.all([buffer(through), pipeline(req, through)])
      return text.toString()
    },
  ],
]

/** The same body, as it may be framed on the wire. */
const framings: [string, (body: string) => string][] = [
  ['a length', (body) => `Content-Length: ${body.length}\r\n\r\n${body}`],
  [
    'chunks and trailers',
    (body) => {
      const chunks = body === '' ? '' : `${body.length.toString(16)}\r\n${body}\r\n`
      return `Transfer-Encoding: chunked\r\nTrailer: X-Late\r\n\r\n${chunks}0\r\nX-Late: evil\r\n\r\n`
    },
  ],
]

const replays: [string, (bytes: Bytes) => Bytes, (body: string) => string][] = [
  ['the same bytes', (bytes) => bytes, (body) => body],
  ['other bytes', () => utf8('something else'), () => 'something else'],
  ['no bytes', () => new Uint8Array(0), () => ''],
]

describe.each(ways)('a body begins again for %s', (_way, read) => {
  it.each(framings)('that came with %s', async (_framing, framed) => {
    const headers: unknown[] = []
    const { port } = await serve(async (req, res) => {
      const bytes = (await readBody(req, { maxBytes: 100_000 })) as Bytes
      const index = Number(req.url?.slice(1))
      replayBody(req, replays[index]?.[1](bytes))
      const text = await read(req)
      headers.push(req.headers['transfer-encoding'], req.headersDistinct['content-length'], req.rawTrailers)
      expect(req.headers['content-length'] ?? '0').toBe(String(text.length))
      res.end(`<${req.url} ${text.slice(0, 20)} ${text.length}>`)
    })
    const bodies = ['bytes', '', 'x'.repeat(70_000)]
    const wire = new Wire(port)
    for (const body of bodies) {
      for (const [index, [, , expected]] of replays.entries()) {
        wire.send(`POST /${index} HTTP/1.1\r\nHost: x\r\n${framed(body)}`)
        const text = expected(body)
        const seen = await wire.until(new RegExp(`</${index} ${text.slice(0, 20)} ${text.length}>[^<]*$`))
        expect(seen).not.toContain('400 Bad')
      }
    }
    expect(JSON.stringify(headers)).not.toMatch(/chunked|X-Late|evil/)
    wire.socket.destroy()
  })
})

describe('a body is read to its end or not at all', () => {
  it('a body announced as longer than the limit is not read', async () => {
    const { port } = await serve(async (req, res) => {
      const body = await readBody(req, { maxBytes: 10 })
      res.end(`${String(body)} ${req.readableDidRead} ${req.readableFlowing}`)
    })
    const wire = new Wire(port).send('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n')
    expect(await wire.until(/too-large/)).toContain('too-large false null')
    wire.socket.destroy()
  })

  it('a body that turns out longer than the limit is not read to its end', async () => {
    const { port } = await serve(async (req, res) => {
      const body = await readBody(req, { maxBytes: 10 })
      // Nobody takes what comes now: it stays in the socket.
      res.end(`${String(body)} ${req.complete}`)
    })
    const wire = new Wire(port).send(
      'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n01234567890\r\n',
    )
    expect(await wire.until(/too-large/)).toContain('too-large false')
    wire.socket.destroy()
  })

  it('takes a body of exactly the limit, however it is framed', async () => {
    const { port } = await serve(async (req, res) => {
      const body = await readBody(req, { maxBytes: 10 })
      res.end(`<${body.length}>`)
    })
    for (const [, framed] of framings) {
      const wire = new Wire(port).send(`POST / HTTP/1.1\r\nHost: x\r\n${framed('0123456789')}`)
      expect(await wire.until(/<.*>/)).toContain('<10>')
      wire.socket.destroy()
    }
  })

  it('takes bodies that come in pieces, each piece once', async () => {
    const { port } = await serve(async (req, res) => {
      const body = await readBody(req, { maxBytes: 100 })
      replayBody(req, body as Bytes)
      res.end(`<${await collect(req)}>`)
    })
    const wire = new Wire(port)
    wire.socket.setNoDelay(true)
    await once(wire.socket, 'connect')
    for (const piece of ['POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\n', 'a', 'b', 'cd', 'e', 'f']) {
      await new Promise((resolve) => wire.socket.write(piece, resolve))
    }
    expect(await wire.until(/<.*>/)).toContain('<abcdef>')
    wire.socket.destroy()
  })

  it('leaves requests without a body alone', async () => {
    const { port } = await serve(async (req, res) => {
      const body = await readBody(req, { maxBytes: 100 })
      replayBody(req, undefined)
      res.end(`<${body.length} ${await collect(req)} ${JSON.stringify(req.rawHeaders)}>`)
    })
    const wire = new Wire(port).send('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    expect(await wire.until(/<.*>/)).toContain('<0  ["Host","x"]>')
    wire.socket.destroy()
  })

  it('rejects with an AbortError where the caller leaves', async () => {
    const outcome = latch<unknown>()
    const { port } = await serve((req) => {
      readBody(req, { maxBytes: 100 }).then(outcome.open, outcome.open)
    })
    const wire = new Wire(port)
    wire.socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\nabc', () => wire.socket.destroy())
    expect(await outcome.promise).toMatchObject({ name: 'AbortError' })
  })

  it('rejects with an AbortError where the caller has left before', async () => {
    const outcome = latch<unknown>()
    const { port } = await serve((req) => {
      req.once('close', () => readBody(req, { maxBytes: 100 }).then(outcome.open, outcome.open))
    })
    const wire = new Wire(port)
    wire.socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\nabc', () => wire.socket.destroy())
    expect(await outcome.promise).toMatchObject({ name: 'AbortError' })
  })

  it('rejects with an AbortError where a signal says so, before and meanwhile', async () => {
    const { port } = await serve(async (req, res) => {
      const early = await readBody(req, { maxBytes: 100, signal: AbortSignal.abort('early') }).catch((error) => error)
      const controller = new AbortController()
      const reading = readBody(req, { maxBytes: 100, signal: controller.signal }).catch((error) => error)
      controller.abort('late')
      const late = await reading
      res.end(JSON.stringify([early.name, early.cause, late.name, late.cause, req.listenerCount('readable')]))
    })
    const wire = new Wire(port).send('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\nabc')
    expect(await wire.until(/\]$/)).toContain('["AbortError","early","AbortError","late",0]')
    wire.socket.destroy()
  })

  it('survives a caller who leaves between reading and replaying', async () => {
    const outcome = latch<string>()
    const { port } = await serve(async (req) => {
      const body = (await readBody(req, { maxBytes: 100 })) as Bytes
      req.socket.once('close', () => {
        replayBody(req, body)
        req.on('error', () => undefined)
        req.once('close', () => outcome.open('closed'))
      })
      wire.socket.destroy()
    })
    const wire = new Wire(port).send('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc')
    expect(await outcome.promise).toBe('closed')
  })
})

describe('a connection goes on after a replayed body', () => {
  it('serves requests that were sent at once, in order', async () => {
    const { port } = await serve(async (req, res) => {
      replayBody(req, (await readBody(req, { maxBytes: 100 })) as Bytes)
      res.end(`<${req.url} ${await collect(req)}>`)
    })
    const requests = framings.flatMap(([, framed]) =>
      ['11', '', '22'].map((body) => `POST /${body} HTTP/1.1\r\nHost: x\r\n${framed(body)}`),
    )
    const wire = new Wire(port).send(`${requests.join('')}GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
    const seen = (await wire.closed()).match(/<[^>]*>/g)
    expect(seen).toEqual(['</11 11>', '</ >', '</22 22>', '</11 11>', '</ >', '</22 22>', '</last >'])
  })

  it('lets a handler answer without reading, and lets go of the bytes then', async () => {
    const closed: unknown[] = []
    const { port } = await serve(async (req, res) => {
      await readBody(req, { maxBytes: 1_000_000 })
      replayBody(req, new Uint8Array(500_000))
      req.once('close', () => closed.push([req.readableEnded, req.readableLength]))
      res.once('finish', () => discardUnread(req))
      res.end(`<${req.url}>`)
    })
    const wire = new Wire(port)
    for (let i = 0; i < 3; i++) {
      wire.send(`POST /${i} HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n${'x'.repeat(200_000)}`)
      await wire.until(new RegExp(`</${i}>`))
    }
    await wire.send('GET /end HTTP/1.1\r\nHost: x\r\n\r\n').until(/<\/end>/)
    expect(closed.slice(0, 3)).toEqual(Array(3).fill([true, 0]))
    wire.socket.destroy()
  })

  it('leaves a body to whoever has begun to read it', async () => {
    const { port } = await serve(async (req, res) => {
      replayBody(req, (await readBody(req, { maxBytes: 100 })) as Bytes)
      req.pause()
      discardUnread(req)
      await new Promise(setImmediate)
      req.resume()
      res.end(`<${await collect(req)}>`)
    })
    const wire = new Wire(port).send('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc')
    expect(await wire.until(/<.*>/)).toContain('<abc>')
    wire.socket.destroy()
  })
})

describe.each([
  ['Express 5', express5],
  ['Express 4', express4],
])('the parsers of %s', (_name, express) => {
  async function start(replayed: string): Promise<string> {
    const app = express()
    app.use(async (req, _res, next) => {
      await readBody(req, { maxBytes: 100_000 })
      replayBody(req, utf8(replayed))
      next()
    })
    const parsers = [express.json(), express.urlencoded({ extended: false }), express.text(), express.raw()]
    app.use(...parsers, (req, res) => {
      res.json(Buffer.isBuffer(req.body) ? [...req.body] : req.body)
    })
    return (await serve(app)).origin
  }

  it.each([
    ['application/json', '{"a":[1]}', { a: [1] }],
    ['application/x-www-form-urlencoded', 'a=1&b=2', { a: '1', b: '2' }],
    ['text/plain', 'text', 'text'],
    ['application/octet-stream', 'AB', [65, 66]],
    ['application/json', '', {}],
  ])('read %s: %s', async (type, body, expected) => {
    const origin = await start(body)
    const headers = { 'content-type': type }
    const posts = [
      fetch(origin, { method: 'POST', headers, body: 'sealed bytes' }),
      fetch(origin, { method: 'POST', headers, body: new Blob(['sealed']).stream(), duplex: 'half' } as RequestInit),
    ]
    for (const answer of await Promise.all(posts)) expect(await answer.json()).toEqual(expected)
  })

  it('read multipart uploads', async () => {
    const app = express()
    const form = new FormData()
    form.set('note', 'n')
    form.set('file', new Blob([new Uint8Array(70_000)]), 'a.bin')
    const upload = new Response(form)
    const type = upload.headers.get('content-type') ?? ''
    const bytes = new Uint8Array(await upload.arrayBuffer())
    app.use(async (req, _res, next) => {
      await readBody(req, { maxBytes: 100_000 })
      replaceFields(req, new Fields(req.rawHeaders).with({ 'content-type': type }))
      replayBody(req, bytes)
      next()
    })
    app.post('/', multer().single('file'), (req, res) => {
      res.json([req.file?.size, (req.body as { note: string }).note])
    })
    const { origin } = await serve(app)
    const answer = await fetch(origin, { method: 'POST', body: 'sealed', headers: { 'content-type': 'sealed/1' } })
    expect(await answer.json()).toEqual([70_000, 'n'])
  })
})

describe.each([
  ['Koa 3', Koa3],
  ['Koa 2', Koa2],
])('the parsers of %s', (_name, Koa) => {
  it.each([
    ['application/json', '{"a":[1]}', { a: [1] }],
    ['application/json', '', {}],
    ['application/x-www-form-urlencoded', 'a=1', { a: '1' }],
    ['text/plain', 'text', 'text'],
  ])('read %s: %s', async (type, body, expected) => {
    const app = new Koa()
    app.use(async (ctx, next) => {
      await readBody(ctx.req, { maxBytes: 100 })
      replayBody(ctx.req, utf8(body))
      await next()
    })
    app.use(bodyParser({ enableTypes: ['json', 'form', 'text'] }))
    app.use((ctx) => {
      ctx.body = JSON.stringify((ctx.request as unknown as { body: unknown }).body)
    })
    const { origin } = await serve(app.callback())
    const answer = await fetch(origin, { method: 'POST', headers: { 'content-type': type }, body: 'sealed bytes' })
    expect(await answer.json()).toEqual(expected)
  })
})
