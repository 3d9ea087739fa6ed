import type { IncomingMessage } from 'node:http'
import express5 from 'express'
import express4 from 'express4'
import Koa3 from 'koa'
import Koa2 from 'koa2'
import { describe, expect, it } from 'vitest'
import { readBody } from '../../src/adapters/node-body.ts'
import { announcesBody, replaceFields, requestOf, wasBodyRead } from '../../src/adapters/node-request.ts'
import { Fields } from '../../src/core/message.ts'
import { collect, servers, Wire } from './sockets.ts'

const serve = servers()

describe('a request is read as it arrived', () => {
  it('keeps order, case and repetition of its fields', async () => {
    let seen: unknown[] = []
    const { port } = await serve((req, res) => {
      const { method, target, fields, scheme, authority } = requestOf(req)
      seen = [method, target, fields.raw, scheme, authority]
      res.end()
    })
    const head = 'PUT /a?b=%20 HTTP/1.1\r\nHost: x:80\r\nX-A: 1\r\nx-a:  2 \r\nConnection: close\r\n\r\n'
    await new Wire(port).send(head).closed()
    const raw = ['Host', 'x:80', 'X-A', '1', 'x-a', '2', 'Connection', 'close']
    expect(seen).toEqual(['PUT', '/a?b=%20', raw, 'http', 'x:80'])
  })

  it('names no authority where there are two', async () => {
    let seen: unknown
    const { port } = await serve((req, res) => {
      seen = requestOf(req).authority
      res.end()
    })
    await new Wire(port).send('GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\nConnection: close\r\n\r\n').closed()
    expect(seen).toBeUndefined()
  })

  it.each([
    ['Express 5', express5],
    ['Express 4', express4],
  ])('finds the target that a mounted router of %s has rewritten', async (_name, express) => {
    const app = express()
    const router = express.Router()
    router.get('/deep/:id', (req, res) => {
      res.json([req.url, requestOf(req).target])
    })
    app.use('/v1', router)
    const { origin } = await serve(app)
    const answer = await fetch(`${origin}/v1/deep/1?x=%41`)
    expect(await answer.json()).toEqual(['/deep/1?x=%41', '/v1/deep/1?x=%41'])
  })

  it.each([
    ['Koa 3', Koa3],
    ['Koa 2', Koa2],
  ])('takes the target that %s has kept', async (_name, Koa) => {
    const app = new Koa()
    app.use((ctx) => {
      ctx.url = '/rewritten'
      ctx.body = [ctx.req.url, requestOf(ctx.req, ctx.originalUrl).target]
    })
    const { origin } = await serve(app.callback())
    expect(await (await fetch(`${origin}/v1?x=1`)).json()).toEqual(['/rewritten', '/v1?x=1'])
  })
})

describe('a request tells of its body', () => {
  it.each([
    ['no framing', '', false],
    ['a length of zero', 'Content-Length: 0\r\n', false],
    ['a length', 'Content-Length: 1\r\n', true],
    ['chunks', 'Transfer-Encoding: chunked\r\n', true],
  ])('by %s', async (_name, framing, expected) => {
    const { port } = await serve((req, res) => res.end(`<${announcesBody(req)}>`))
    const wire = new Wire(port).send(`POST / HTTP/1.1\r\nHost: x\r\n${framing}\r\n`)
    expect(await wire.until(/<.*>/)).toContain(`<${expected}>`)
    wire.socket.destroy()
  })

  const touches: [string, boolean, (req: IncomingMessage) => unknown][] = [
    ['nobody', false, () => undefined],
    ['who only waits for its end', false, (req) => req.on('end', () => undefined)],
    ['who only holds it back', false, (req) => req.pause()],
    ['who listens to data', true, (req) => req.on('data', () => undefined)],
    ['who listens to data and holds it back', true, (req) => req.on('data', () => undefined).pause()],
    ['who waits until it is readable', true, (req) => req.on('readable', () => undefined)],
    ['who lets it flow away', true, (req) => req.resume()],
    ['who chose an encoding', true, (req) => req.setEncoding('latin1')],
    ['who read all of it', true, collect],
    ['who read all of it with us', true, (req) => readBody(req, { maxBytes: 100 })],
  ]
  it.each(touches)('was it read by %s', async (_name, expected, touch) => {
    const { origin } = await serve(async (req, res) => {
      await touch(req)
      res.end(String(wasBodyRead(req)))
    })
    expect(await (await fetch(origin, { method: 'POST', body: 'bytes' })).text()).toBe(String(expected))
    expect(await (await fetch(origin)).text()).toBe('false')
  })

  it.each([
    ['Express 5', express5],
    ['Express 4', express4],
  ])('was it read by a parser of %s', async (_name, express) => {
    const app = express()
    app.use(express.json(), (req, res) => {
      res.json(wasBodyRead(req))
    })
    const { origin } = await serve(app)
    const post = (type: string) => fetch(origin, { method: 'POST', body: '{}', headers: { 'content-type': type } })
    expect(await (await post('application/json')).json()).toBe(true)
    expect(await (await post('text/plain')).json()).toBe(false)
  })
})

describe('handlers see the fields they are given', () => {
  const shown = ({ headers, headersDistinct, rawHeaders }: IncomingMessage) => ({
    headers,
    headersDistinct,
    rawHeaders,
  })

  it('in every form, as Node itself would show them', async () => {
    const repeated = ['Accept', 'Age', 'Cookie', 'ETag', 'Server', 'Set-Cookie', 'User-Agent', 'X-Own', '__proto__']
    const lines = repeated.flatMap((name) => [`${name}: ${name}-1`, `${name.toLowerCase()}: ${name}-2`])
    const { port } = await serve((req, res) => {
      const before = JSON.stringify(shown(req))
      replaceFields(req, new Fields(req.rawHeaders))
      expect(JSON.stringify(shown(req))).toBe(before)
      expect(Object.getPrototypeOf(req.headers)).toBe(Object.prototype)
      res.end('same')
    })
    const wire = new Wire(port).send(`GET / HTTP/1.1\r\nHost: x\r\n${lines.join('\r\n')}\r\nConnection: close\r\n\r\n`)
    expect(await wire.closed()).toContain('same')
  })

  it('also where they are fewer than arrived, and nobody has looked before', async () => {
    const { origin } = await serve((req, res) => {
      replaceFields(req, new Fields(['X-A', '1', 'x-a', '2', 'cookie', 'a=1']))
      res.end(JSON.stringify(shown(req)))
    })
    expect(await (await fetch(origin, { headers: { 'x-b': '1', 'x-c': '2' } })).json()).toEqual({
      headers: { 'x-a': '1, 2', cookie: 'a=1' },
      headersDistinct: { 'x-a': ['1', '2'], cookie: ['a=1'] },
      rawHeaders: ['X-A', '1', 'x-a', '2', 'cookie', 'a=1'],
    })
  })

  it.each(['before the body', 'after the body'])('and no trailers, replaced %s was read', async (when) => {
    const { port } = await serve(async (req, res) => {
      if (when === 'after the body') await readBody(req, { maxBytes: 100 })
      replaceFields(req, new Fields(['host', 'x']))
      if (when === 'before the body') await collect(req)
      const { complete, trailers, trailersDistinct, rawTrailers } = req
      res.end(JSON.stringify([complete, trailers, trailersDistinct, rawTrailers]))
    })
    const body = 'Transfer-Encoding: chunked\r\nTrailer: X-Late\r\n\r\n1\r\na\r\n0\r\nX-Late: evil\r\n\r\n'
    const wire = new Wire(port).send(`POST / HTTP/1.1\r\nHost: x\r\n${body}`)
    expect(await wire.until(/\]$/)).toContain('[true,{},{},[]]')
    wire.socket.destroy()
  })
})
