import { once } from 'node:events'
import type { RequestListener } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { guard } from '../../src/adapters/node.ts'
import type { Workload } from '../../src/flow/workload.ts'
import { definePolicy } from '../../src/policy/define-policy.ts'
import { socketDomain } from '../journeys/domain.ts'
import { EventLog } from './event-log.ts'
import { collect, latch, servers, Wire } from './sockets.ts'

const serve = servers()
const rules = [{ id: 'all', effect: 'allow', from: ['anonymous'], to: ['* /*'] }] as const
const policy = definePolicy({ version: 1, rules: [...rules] })
const LAST = 'GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
const chunked = (size: number) =>
  `POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n${size.toString(16)}\r\n${'x'.repeat(size)}\r\n`

describe('a guard writes one event a call', () => {
  let log: EventLog
  let ledger: Workload
  const unhandled: unknown[] = []
  const onUnhandled = (cause: unknown) => unhandled.push(cause)

  beforeEach(async () => {
    log = new EventLog()
    ledger = (await socketDomain({ audit: log })).ledger
    process.on('unhandledRejection', onUnhandled)
  })
  afterEach(() => {
    process.off('unhandledRejection', onUnhandled)
    expect(unhandled).toEqual([])
  })

  async function start(handler: RequestListener, before: RequestListener = () => undefined): Promise<number> {
    const guarded = guard(ledger, { policy, maxBodyBytes: 1000 }, handler)
    const { port } = await serve((req, res) => {
      before(req, res)
      guarded(req, res)
    })
    return port
  }

  /** What was written of the calls, and nothing more after it. */
  async function written(count: number): Promise<unknown[]> {
    await log.until(count)
    await new Promise(setImmediate)
    await ledger.audit.flush()
    return log.calls.map(({ code, effect, status, requestBytes }) => [code, effect, status, requestBytes])
  }

  it('of requests sent at once, whose bodies a handler may read or not', async () => {
    const port = await start(async (req, res) => {
      res.end(`<${req.url === '/read' ? await collect(req) : 'unread'}>`)
    })
    const post = (path: string) => `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody`
    const text = await new Wire(port).send(post('/read') + post('/not') + post('/read') + LAST).closed()
    expect(text.match(/<.*?>/g)).toEqual(['<body>', '<unread>', '<body>', '<unread>'])
    const bytes = (await written(4)).map((event) => (event as unknown[])[3])
    expect(bytes.sort()).toEqual([4, 4, 4, undefined])
  })

  it('of a body in chunks, whose trailers no handler sees', async () => {
    const port = await start(async (req, res) => {
      const body = await collect(req)
      res.end(JSON.stringify([body, req.headers, req.rawHeaders, req.trailers, req.rawTrailers]))
    })
    const wire = new Wire(port).send(`${chunked(3)}0\r\nX-Late: evil\r\n\r\n${LAST}`)
    const text = await wire.closed()
    expect(text).toContain('["xxx",')
    expect(text).not.toMatch(/evil|x-late|chunked/i)
    expect(await written(2)).toHaveLength(2)
  })

  it('of a caller who waits for 100 Continue', async () => {
    const port = await start(async (req, res) => res.end(`<${await collect(req)}>`))
    const wire = new Wire(port).send('POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n')
    await wire.until(/100 Continue\r\n\r\n/)
    expect(await wire.send('body').until(/<.*>/)).toContain('<body>')
    wire.socket.destroy()
    expect(await written(1)).toEqual([[undefined, 'allow', 200, 4]])
  })

  it.each([
    ['announced', `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n`, 'x'.repeat(100_000)],
    [
      'announced, but short',
      `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2000\r\n\r\n`,
      `${'x'.repeat(2000)}${LAST}`,
    ],
    ['in chunks', chunked(2000), '0\r\n\r\n'],
  ])('of a body that is too long, %s', async (_name, head, rest) => {
    let ran = 0
    const port = await start((_req, res) => {
      ran++
      res.end()
    })
    const wire = new Wire(port).send(head)
    // The refusal is there before the rest of the body is.
    expect(await wire.until(/\r\n\r\n\{[^}]*\}/)).toMatch(/^HTTP\/1.1 413 /)
    const text = await wire.send(rest).closed()
    expect(wire.socket.errored).toBeNull()
    expect(text).toMatch(/connection: close/i)
    // A short rest is read past, and the connection goes on.
    expect(ran).toBe(rest.endsWith(LAST) ? 1 : 0)
    expect((await written(1))[0]).toEqual(['body-too-large', 'deny', 413, undefined])
  })

  it('of a caller who leaves while its body is read, and keeps no listener of it', async () => {
    const reading = latch()
    const closed = latch<number[]>()
    const port = await start(
      () => expect.unreachable(),
      (req) => {
        const names = ['data', 'end', 'error', 'close', 'readable', 'aborted']
        const count = () => names.map((name) => req.listenerCount(name))
        req.once('newListener', () => reading.open())
        req.once('close', () => setImmediate(() => closed.open(count())))
      },
    )
    const wire = new Wire(port).send('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\nabc')
    await reading.promise
    wire.socket.destroy()
    expect(await closed.promise).toEqual([0, 0, 0, 0, 0, 0])
    expect(await written(1)).toEqual([['transport-failed', 'deny', undefined, undefined]])
  })

  it('of an answer that is cut off, whatever its handler does then', async () => {
    const failed = latch<unknown>()
    const port = await start(async (req, res) => {
      if (req.url === '/last') return void res.writeHead(200, { 'content-type': 'text/event-stream' })
      const pieces = Readable.from(Array.from({ length: 100 }, () => Buffer.alloc(300)))
      // The rejection reaches the guard, which finds the answer on its way and has nothing to add.
      await pipeline(pieces, res).catch((error) => {
        failed.open(error.code)
        throw error
      })
    })
    const wire = new Wire(port).send('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    expect(await wire.until(/\}$/)).toMatch(/^HTTP\/1.1 501 /)
    expect(await failed.promise).toBe('answer-unsignable')
    expect(await wire.send(LAST).closed()).toMatch(/HTTP\/1.1 501 [\s\S]*HTTP\/1.1 501 /)
    expect(await written(2)).toEqual(Array(2).fill(['answer-unsignable', 'allow', 501, undefined]))
  })

  const losses: [string, RequestListener][] = [
    ['a handler that destroys its answer', (_req, res) => res.destroy()],
    ['a handler that destroys its request', (req) => req.destroy()],
    ['a handler that announces another length', (_req, res) => res.writeHead(200, { 'content-length': 9 }).end('four')],
    [
      'a handler that throws when it has begun',
      (_req, res) => {
        res.write('begun')
        throw new Error('on purpose')
      },
    ],
  ]
  it.each(losses)('of %s', async (_name, handler) => {
    const port = await start(handler)
    expect(await new Wire(port).send(LAST).closed()).toBe('')
    expect(await written(1)).toEqual([['transport-failed', 'allow', undefined, undefined]])
  })

  it.each(['before it is begun', 'when it is begun'])('of a caller who leaves an answer %s', async (when) => {
    const late = latch()
    const port = await start(async (req, res) => {
      if (when === 'when it is begun') res.write('begun')
      wire.socket.destroy()
      await once(req.socket, 'close')
      res.write('more')
      res.end('end')
      late.open()
    })
    const wire = new Wire(port).send('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    await late.promise
    expect(await written(1)).toEqual([['transport-failed', 'allow', undefined, undefined]])
  })
})
