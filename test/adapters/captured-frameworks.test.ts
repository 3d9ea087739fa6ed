import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { RequestListener, ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { gunzipSync } from 'node:zlib'
import compression from 'compression'
import express5 from 'express'
import express4 from 'express4'
import Koa3 from 'koa'
import Koa2 from 'koa2'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { captureAnswer } from '../../src/adapters/node-response.ts'
import type { HttpAnswer } from '../../src/flow/http-answer.ts'
import { servers, Wire } from './sockets.ts'

const serve = servers()

/** Captures as a guard does: what is sent is what was seen, marked so that nobody after us transforms it. */
function capture(res: ServerResponse, seen: HttpAnswer[]): void {
  captureAnswer(res, {
    maxBytes: 1_000_000,
    finish: async (captured) => {
      if ('tooLarge' in captured) throw new Error('too large')
      await new Promise(setImmediate)
      const fields = captured.fields.with({ 'cache-control': 'no-store, no-transform', 'x-count': String(seen.length) })
      const answer = { ...captured, fields }
      seen.push(answer)
      return answer
    },
    onAborted: () => undefined,
  })
}

/** Asks on one connection for all paths, and compares each answer on the wire with what was to be signed. */
async function compare(listener: RequestListener, seen: HttpAnswer[], requests: string[]): Promise<string[]> {
  const { port } = await serve(listener)
  const wire = new Wire(port)
  const texts: string[] = []
  let before = 0
  for (const [index, line] of requests.entries()) {
    const accept = 'Accept-Encoding: gzip\r\n'
    const text = await wire
      .send(`${line} HTTP/1.1\r\nHost: x\r\n${accept}\r\n`)
      .until(new RegExp(`x-count: ${index}\r\n[\\s\\S]*?\r\n\r\n`, 'i'))
    const answer = seen[index] as HttpAnswer
    const length = answer.body?.length ?? 0
    const end = text.indexOf('\r\n\r\n', before) + 4 + length
    const own = (await wire.atLeast(end)).slice(before, end)
    before += own.length
    texts.push(own)
    const [head = '', ...rest] = own.split('\r\n\r\n')
    const [status = '', ...lines] = head.split('\r\n')
    expect(status).toContain(`HTTP/1.1 ${answer.status} `)
    expect(rest.join('\r\n\r\n')).toBe(Buffer.from(answer.body ?? []).toString('latin1'))
    const unsigned = /^(date|connection|keep-alive|content-length):/i
    const expected: string[] = []
    for (let i = 0; i < answer.fields.raw.length; i += 2)
      expected.push(`${answer.fields.raw[i]}: ${answer.fields.raw[i + 1]}`)
    // Names have no case where they are signed.
    const inLowerCase = (one: string) => one.slice(0, one.indexOf(':')).toLowerCase() + one.slice(one.indexOf(':'))
    const kept = (all: string[]) => all.filter((one) => !unsigned.test(one)).map(inLowerCase)
    expect(kept(lines).sort()).toEqual(kept(expected).sort())
  }
  wire.socket.destroy()
  return texts
}

describe('what frameworks answer is captured as it leaves', () => {
  let folder: string
  let file: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'captured-'))
    file = join(folder, 'file.txt')
    await writeFile(file, 'line\n'.repeat(20_000))
  })
  afterAll(() => rm(folder, { recursive: true }))

  it.each([
    ['Express 5', express5],
    ['Express 4', express4],
  ])('%s', async (_name, express) => {
    const seen: HttpAnswer[] = []
    const app = express()
    app.set('env', 'test')
    app.use((_req, res, next) => {
      capture(res, seen)
      next()
    })
    app.get('/json', (_req, res) => {
      res.cookie('a', '1').cookie('b', '2').json({ a: 'ü' })
    })
    app.get('/file', (_req, res) => res.sendFile(file))
    app.get('/download', (_req, res) => res.download(file, 'Ü.txt'))
    app.get('/moved', (_req, res) => res.redirect('/json'))
    app.get('/nothing', (_req, res) => {
      res.sendStatus(204)
    })
    app.get('/throw', () => {
      throw new Error('on purpose')
    })
    const paths = ['GET /json', 'HEAD /json', 'GET /file', 'GET /download', 'GET /moved', 'GET /nothing', 'GET /throw']
    const texts = await compare(app, seen, [...paths, 'GET /unknown', 'GET /json'])
    expect(seen.map((answer) => answer.status)).toEqual([200, 200, 200, 200, 302, 204, 500, 404, 200])
    expect(texts[0]).toMatch(/set-cookie: a=1.*\r\nset-cookie: b=2/i)
    expect(texts[1]).toMatch(/content-length: 10\r\n/i)
    expect(seen[2]?.body?.length).toBe(100_000)
  })

  it.each([
    ['Koa 3', Koa3],
    ['Koa 2', Koa2],
  ])('%s', async (_name, Koa) => {
    const seen: HttpAnswer[] = []
    const app = new Koa()
    app.silent = true
    app.use(async (ctx, next) => {
      capture(ctx.res, seen)
      await next()
    })
    app.use((ctx) => {
      if (ctx.path === '/json') ctx.body = { a: 'ü' }
      else if (ctx.path === '/stream') ctx.body = Readable.from([Buffer.alloc(50_000, 'a'), Buffer.alloc(50_000, 'b')])
      else if (ctx.path === '/nothing') ctx.status = 204
      else if (ctx.path === '/moved') ctx.redirect('/json')
      else if (ctx.path === '/message') {
        ctx.status = 299
        ctx.message = 'Own'
        ctx.body = Buffer.from('bytes')
      } else if (ctx.path === '/throw') throw new Error('on purpose')
    })
    const paths = ['GET /json', 'HEAD /json', 'GET /stream', 'GET /nothing', 'GET /moved', 'GET /message', 'GET /throw']
    const texts = await compare(app.callback(), seen, [...paths, 'GET /unknown', 'GET /json'])
    expect(seen.map((answer) => answer.status)).toEqual([200, 200, 200, 204, 302, 299, 500, 404, 200])
    expect(texts[5]).toContain('HTTP/1.1 299 Own\r\n')
    expect(seen[2]?.body?.length).toBe(100_000)
  })
})

describe('compression and capture', () => {
  const text = 'compressible '.repeat(500)

  async function start(order: 'before' | 'after', seen: HttpAnswer[]): Promise<string> {
    const app = express5()
    if (order === 'before') app.use(compression({ threshold: 0 }))
    app.use((_req, res, next) => {
      capture(res, seen)
      next()
    })
    if (order === 'after') app.use(compression({ threshold: 0 }))
    app.get('/whole', (_req, res) => {
      res.type('text/plain').send(text)
    })
    app.get('/pieces', (_req, res) => {
      res.type('text/plain')
      Readable.from([text, text]).pipe(res)
    })
    return (await serve(app)).origin
  }

  it.each(['/whole', '/pieces'])('mounted before it, compression leaves what was signed alone: %s', async (path) => {
    const seen: HttpAnswer[] = []
    const origin = await start('before', seen)
    const answer = await fetch(origin + path, { headers: { 'accept-encoding': 'gzip' } })
    expect(answer.headers.get('content-encoding')).toBeNull()
    const bytes = Buffer.from(await answer.arrayBuffer())
    expect(bytes).toEqual(Buffer.from(seen[0]?.body ?? []))
    expect(bytes.toString()).toBe(path === '/whole' ? text : text + text)
  })

  it.each(['/whole', '/pieces'])('mounted after it, compression has done its work before: %s', async (path) => {
    const seen: HttpAnswer[] = []
    const origin = await start('after', seen)
    const answer = await fetch(origin + path, { headers: { 'accept-encoding': 'gzip' } })
    expect(await answer.text()).toBe(path === '/whole' ? text : text + text)
    expect(answer.headers.get('content-encoding')).toBe('gzip')
    expect(answer.headers.get('content-length')).toBe(String(seen[0]?.body?.length))
    expect(seen[0]?.fields.get('content-encoding')).toBe('gzip')
    expect(gunzipSync(seen[0]?.body ?? new Uint8Array(0)).toString()).toBe(path === '/whole' ? text : text + text)
  })
})
