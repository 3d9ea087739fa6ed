import { once } from 'node:events'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { describe, expect, it } from 'vitest'
import type { Captured, CaptureOptions } from '../../src/adapters/node-capture-options.ts'
import { captureAnswer } from '../../src/adapters/node-response.ts'
import { utf8 } from '../../src/core/bytes.ts'
import { Fields } from '../../src/core/message.ts'
import type { HttpAnswer } from '../../src/flow/http-answer.ts'
import { latch, servers, Wire } from './sockets.ts'

const serve = servers()
const asItIs = (captured: Captured): HttpAnswer =>
  'tooLarge' in captured ? { status: 501, fields: new Fields([]), body: utf8('<too large>') } : captured
const later = async (captured: Captured): Promise<HttpAnswer> => {
  await new Promise(setImmediate)
  return asItIs(captured)
}

/** A server whose answers are captured, and all that its captures were told. */
async function capturing(handler: RequestListener, options: Partial<CaptureOptions> = {}) {
  const told: (Captured | string)[] = []
  const aborted = latch<string>()
  const finish = options.finish ?? later
  const service = await serve((req, res) => {
    captureAnswer(res, {
      maxBytes: 1000,
      ...options,
      finish: (captured) => {
        told.push(captured)
        return finish(captured)
      },
      onAborted: (cause) => {
        told.push(cause)
        aborted.open(cause)
      },
    })
    handler(req, res)
  })
  return { ...service, told, aborted: aborted.promise }
}

const GET = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'
const LAST = 'GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'

/** What a client can tell apart, but for what Node adds by itself and for the order of fields. */
function sent(text: string): { head: string[]; body: string } {
  const own = /^(date|connection|keep-alive|content-length|transfer-encoding):/i
  const head: string[] = []
  let rest = text
  let lines: string[]
  do {
    const at = rest.indexOf('\r\n\r\n')
    lines = rest.slice(0, at).split('\r\n')
    rest = rest.slice(at + 4)
    head.push(...lines.filter((line) => !own.test(line)).map((line) => line.toLowerCase()))
  } while (/^HTTP\/1.1 1/.test(lines[0] ?? ''))
  const isChunked = lines.some((line) => /^transfer-encoding: chunked/i.test(line))
  const body = isChunked ? rest.replace(/[0-9a-f]+\r\n([\s\S]*?)\r\n/g, '$1').replace(/\r\n$/, '') : rest
  return { head: head.sort(), body }
}

type Handler = (req: IncomingMessage, res: ServerResponse, log: (what: unknown) => void) => void

const codeOf = (body: () => unknown): unknown => {
  try {
    body()
    return 'done'
  } catch (error) {
    return (error as { code: unknown }).code
  }
}

const handlers: Record<string, Handler> = {
  nothing: (_req, res) => res.end(),
  'a text': (_req, res) => res.end('text'),
  'bytes in a view': (_req, res) => res.end(new Uint8Array([48, 49, 50, 51]).subarray(1, 3)),
  'a text in hex': (_req, res) => res.end('6162', 'hex'),
  'a text in latin1, with a callback': (_req, res, log) => res.end('\xfc', 'latin1', () => log('ended')),
  'a callback only': (_req, res, log) => res.end(() => log('ended')),
  'several pieces': (_req, res, log) => {
    res.write('a', () => log('a taken'))
    res.write('62', 'hex', () => log('b taken'))
    res.write('')
    res.write(Buffer.from('c'))
    res.end('d', () => log('ended'))
  },
  'a status and a message': (_req, res) => {
    res.statusCode = 404
    res.statusMessage = 'Not Here'
    res.end()
  },
  'writeHead with an object': (_req, res) => {
    res.setHeader('X-A', 'gone').setHeader('X-B', 'kept')
    res.writeHead(201, { 'x-a': 'new', 'X-List': ['1', '2'], 'X-Number': 3 }).end('body')
  },
  'writeHead with a message': (_req, res) => res.writeHead(299, 'Fine', { 'X-A': '1' }).end(),
  'writeHead with a message only': (_req, res) => res.writeHead(299, 'Fine').end(),
  'writeHead with an unknown status': (_req, res) => res.writeHead(299).end(),
  'writeHead with a flat list': (_req, res) => res.writeHead(200, ['X-A', '1', 'X-B', '2', 'X-A', '3']).end('body'),
  'writeHead with a nested list': (_req, res) =>
    res
      .writeHead(200, [
        ['X-A', '1'],
        ['X-B', '2'],
        ['X-A', '3'],
      ] as never)
      .end('body'),
  'writeHead over fields, with a flat list': (_req, res) => {
    res.setHeader('X-A', 'gone')
    res.writeHead(200, ['X-A', '1', 'X-B', '2']).end('body')
  },
  cookies: (_req, res) => {
    res.setHeader('Set-Cookie', ['a=1', 'b=2'])
    res.appendHeader('Set-Cookie', 'c=3')
    res.end()
  },
  'a body that may not be': (_req, res) => {
    res.writeHead(204)
    res.write('a')
    res.end('b')
  },
  'a body to nobody': (_req, res) => {
    res.writeHead(304, { ETag: '"1"' })
    res.end('b')
  },
  'flushed headers': (_req, res, log) => {
    log(res.headersSent)
    res.flushHeaders()
    log(res.headersSent)
    res.flushHeaders()
    res.end('body')
  },
  'a corked answer': (_req, res) => {
    res.cork()
    res.write('a')
    res.write('b')
    res.uncork()
    res.end('c')
  },
  'early hints first': (_req, res) => {
    res.writeEarlyHints({ link: '</a>; rel=preload' })
    res.writeProcessing()
    res.end('body')
  },
  'fields too late': (_req, res, log) => {
    res.write('a')
    log([res.headersSent, res.writableEnded, res.writableFinished])
    log(codeOf(() => res.setHeader('X-A', '1')))
    log(codeOf(() => res.appendHeader('X-A', '1')))
    log(codeOf(() => res.removeHeader('X-A')))
    log(codeOf(() => res.writeHead(200)))
    res.end()
    log([res.headersSent, res.writableEnded])
  },
  'what cannot be written': (_req, res, log) => {
    log(codeOf(() => res.writeHead(99)))
    log(codeOf(() => res.writeHead(1000)))
    log(codeOf(() => res.writeHead(200, 'line\nbreak')))
    res.statusMessage = ''
    log(codeOf(() => res.writeHead(200, { 'X A': '1' })))
    log(codeOf(() => res.writeHead(200, { 'X-A': 'a\nb' })))
    log(codeOf(() => res.write(null)))
    log(codeOf(() => res.write(5)))
    log(codeOf(() => res.end(5)))
    log(res.headersSent)
    res.statusMessage = ''
    res.end('body')
  },
  'a write after the end': (_req, res, log) => {
    res.on('error', (error) => log(['error', (error as NodeJS.ErrnoException).code]))
    res.end('body')
    log(res.write('more', (error) => log(['callback', (error as NodeJS.ErrnoException).code])))
    res.end('more', () => log('ended with more'))
    res.end(() => log('ended again'))
  },
  events: (_req, res, log) => {
    for (const name of ['prefinish', 'finish', 'close', 'drain', 'pipe', 'unpipe']) res.on(name, () => log(name))
    Readable.from(['a', 'b', 'c']).pipe(res)
  },
}

describe('a captured answer looks to its handler and its caller as if it were not', () => {
  const observe = async (handler: Handler, request: string, finish?: CaptureOptions['finish']) => {
    const log: string[] = []
    const done = latch()
    const listener: RequestListener = (req, res) => {
      if (finish !== undefined) captureAnswer(res, { maxBytes: 1000, finish, onAborted: () => log.push('aborted') })
      // A 'close' comes last, and after the client has all.
      res.on('close', done.open)
      handler(req, res, (what) => log.push(JSON.stringify(what)))
    }
    const { port } = await serve(listener)
    const text = await new Wire(port).send(request).closed()
    await done.promise
    return { ...sent(text), log: log.sort() }
  }

  it.each(Object.keys(handlers))('%s', async (name) => {
    const handler = handlers[name] as Handler
    for (const method of ['GET', 'HEAD']) {
      const request = `${method} / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`
      const plain = await observe(handler, request)
      expect(await observe(handler, request, asItIs)).toEqual(plain)
      expect(await observe(handler, request, later)).toEqual(plain)
    }
  })
})

describe('an answer is held back until it is whole', () => {
  it('hands over what will be on the wire', async () => {
    const { port, told } = await capturing((_req, res) => {
      res.setHeader('Transfer-Encoding', 'chunked').setHeader('Trailer', 'X-T').setHeader('Set-Cookie', ['a=1', 'b=2'])
      res.writeHead(201, 'Made', { 'Content-Type': 'text/plain' })
      res.write('a')
      res.addTrailers({ 'X-T': '1' })
      res.end('b')
    })
    const text = await new Wire(port).send(LAST).closed()
    const [{ fields, ...rest }] = told as [HttpAnswer]
    expect(fields.raw).toEqual(['set-cookie', 'a=1', 'set-cookie', 'b=2', 'content-type', 'text/plain'])
    expect(rest).toEqual({ status: 201, body: utf8('ab') })
    expect(text).toMatch(/^HTTP\/1.1 201 Made\r\n/)
    expect(text).toMatch(/content-length: 2\r\n/i)
    expect(text).not.toMatch(/chunked|trailer|x-t/i)
  })

  it('sends names and values as the handler wrote them, and the length once', async () => {
    const { port } = await capturing((_req, res) => {
      res.setHeader('ETag', '"1"').setHeader('X-mIXED', 'yes').setHeader('Content-Disposition', 'inline; filename="é"')
      res.setHeader('Content-Length', 2)
      res.end('ab')
    })
    const text = await new Wire(port).send(LAST).closed()
    const [head] = text.split('\r\n\r\n')
    for (const line of [
      'ETag: "1"',
      'X-mIXED: yes',
      'Content-Disposition: inline; filename="é"',
      'Content-Length: 2',
    ]) {
      expect(head?.split('\r\n')).toContain(line)
    }
    expect(text.match(/content-length/gi)).toHaveLength(1)
  })

  it.each(['2', '02', '2.0'])('writes the length in one way, not %s', async (length) => {
    const { port } = await capturing((_req, res) => {
      res.setHeader('Content-Length', length)
      res.end('ab')
    })
    expect(await new Wire(port).send(LAST).closed()).toMatch(/content-length: 2\r\n/i)
  })

  it('sends nothing before, and no byte of what was replaced', async () => {
    const gate = latch<HttpAnswer>()
    const { port } = await capturing(
      (_req, res) => {
        res.setHeader('X-Mine', 'secret')
        res.write('secret')
        res.end(() => undefined)
        gate.open({ status: 203, fields: new Fields(['X-Signed', 'yes']), body: utf8('signed') })
      },
      { finish: () => gate.promise },
    )
    const text = await new Wire(port).send(LAST).closed()
    expect(sent(text)).toEqual({
      head: ['http/1.1 203 non-authoritative information', 'x-signed: yes'],
      body: 'signed',
    })
  })

  it('keeps the bytes of a buffer that is used again', async () => {
    const { port } = await capturing(async (_req, res) => {
      const buffer = Buffer.from('one ')
      await new Promise((resolve) => res.write(buffer, resolve))
      buffer.write('two ')
      await new Promise((resolve) => res.write(buffer, resolve))
      res.end(buffer)
      buffer.fill('x')
    })
    expect(await new Wire(port).send(LAST).closed()).toContain('one two two ')
  })

  it('has a body only where something was written that may be sent', async () => {
    const { port, told } = await capturing((req, res) => {
      if (req.url === '/none') res.write('')
      res.writeHead(req.url === '/204' ? 204 : 200, { 'Content-Length': req.method === 'HEAD' ? 4 : 0 })
      if (req.url === '/204' || req.method === 'HEAD') res.write('body')
      res.end()
    })
    const wire = new Wire(port)
    wire.send('HEAD / HTTP/1.1\r\nHost: x\r\n\r\nGET /204 HTTP/1.1\r\nHost: x\r\n\r\n').send(LAST)
    const text = await wire.closed()
    expect(told.map((one) => (one as HttpAnswer).body)).toEqual([undefined, undefined, undefined])
    expect(text.match(/content-length: .*/gi)).toEqual(['Content-Length: 4', 'Content-Length: 0'])
  })

  it('takes all that a pipe has, without asking it to wait', async () => {
    const done = latch()
    const { port, told } = await capturing(
      (_req, res) => {
        const pieces = Array.from({ length: 20 }, () => Buffer.alloc(50_000, 'x'))
        pipeline(Readable.from(pieces), res).then(done.open)
      },
      { maxBytes: 1_000_000 },
    )
    const text = await new Wire(port).send(LAST).closed()
    await done.promise
    expect(text.length).toBeGreaterThan(1_000_000)
    expect((told[0] as HttpAnswer).body?.length).toBe(1_000_000)
  })

  it('answers requests that were sent at once in their order', async () => {
    const waiting: (() => void)[] = []
    const { port } = await capturing((req, res) => {
      waiting.push(() => res.end(`<${req.url}>`))
      if (waiting.length === 3) for (const end of waiting.reverse()) end()
    })
    const wire = new Wire(port).send(GET.replace('/', '/1') + GET.replace('/', '/2') + LAST)
    expect((await wire.closed()).match(/<.*?>/g)).toEqual(['</1>', '</2>', '</last>'])
  })

  it('keeps the connection for the next request', async () => {
    const { port } = await capturing((req, res) => res.end(`<${req.url}>`))
    const wire = new Wire(port)
    for (const path of ['/1', '/2', '/3']) await wire.send(GET.replace('/', path)).until(new RegExp(`<${path}>`))
    wire.socket.destroy()
  })
})

describe('an answer that cannot be kept as a whole', () => {
  it('an answer that is too long to be kept, or has no end, is cut off where its caller could not read it', async () => {
    const { port, told } = await capturing((_req, res) => {
      const results = Array.from({ length: 4 }, () => res.write('x'.repeat(400)))
      expect(results).toEqual([true, true, false, false])
      res.end('x')
    })
    const wire = new Wire(port).send(GET)
    expect(sent(await wire.until(/large>/))).toEqual({ head: ['http/1.1 501 not implemented'], body: '<too large>' })
    expect(told).toEqual([{ tooLarge: true }])
    expect((await wire.send(LAST).closed()).match(/<too large>/g)).toHaveLength(2)
  })

  it('passes where it is as long as the limit', async () => {
    const { port } = await capturing((_req, res) => res.end('x'.repeat(1000)))
    expect(await new Wire(port).send(LAST).closed()).toContain('200 OK')
  })

  const feeds: [string, (source: AsyncGenerator<Buffer>, res: ServerResponse) => Promise<unknown> | undefined][] = [
    ['a pipe', (source, res) => void Readable.from(source).pipe(res)],
    ['a pipeline from a stream', (source, res) => pipeline(Readable.from(source), res)],
    ['a pipeline from a generator', (source, res) => pipeline(source, res)],
  ]
  it.each(feeds.flatMap(([name, feed]) => [asItIs, later].map((finish) => ({ name, feed, finish }))))(
    'stops $name without an end, after it has answered',
    async ({ name, feed, finish }) => {
      const stopped = latch()
      const outcome = latch<unknown>()
      async function* endless(): AsyncGenerator<Buffer> {
        try {
          for (;;) yield Buffer.alloc(300)
        } finally {
          stopped.open()
        }
      }
      const listener: RequestListener = (req, res) => {
        if (req.url === '/last') res.end('next')
        else (feed(endless(), res) ?? Promise.resolve()).then(outcome.open, (error) => outcome.open(error.code))
      }
      const { port, told } = await capturing(listener, { finish })
      const wire = new Wire(port).send(GET)
      await wire.until(/large>/)
      await stopped.promise
      expect(await outcome.promise).toBe(name === 'a pipe' ? undefined : 'answer-unsignable')
      // The connection that the answer went over is still there.
      expect(await wire.send(LAST).closed()).toMatch(/<too large>[\s\S]*200 OK[\s\S]*next/)
      expect(told[0]).toEqual({ tooLarge: true })
    },
  )

  it('leaves a source that somebody else reads to them', async () => {
    const rest = latch<number>()
    const { port } = await capturing((_req, res) => {
      const source = Readable.from(Array.from({ length: 20 }, () => Buffer.alloc(300)))
      let size = 0
      source.pipe(res)
      source.on('data', (chunk) => {
        size += chunk.length
      })
      source.on('end', () => rest.open(size))
      res.once('close', () => source.resume())
    })
    await new Wire(port).send(LAST).closed()
    expect(await rest.promise).toBe(6000)
  })

  it.each([asItIs, later])('cuts events off at their head where nobody can read them as they come', async (finish) => {
    const closed = latch<unknown[]>()
    const { port, told } = await capturing(
      (_req, res) => {
        const seen: unknown[] = []
        res.on('error', () => seen.push('error'))
        res.writeHead(200, { 'Content-Type': 'Text/Event-Stream' })
        seen.push(res.headersSent, res.write('data: 1\n\n'))
        res.on('close', () => {
          seen.push(res.write('data: 2\n\n'), res.writableEnded)
          res.end('data: 3\n\n')
          setImmediate(() => closed.open(seen))
        })
      },
      { finish },
    )
    const text = await new Wire(port).send(LAST).closed()
    expect(text).toContain('501 Not Implemented')
    expect(text).not.toContain('data')
    expect(await closed.promise).toEqual([true, false, 'error', false, true])
    expect(told).toEqual([{ tooLarge: true }])
  })

  it.each([
    ['short', 5],
    ['long', 3],
  ])('an answer of another length than its handler announced is not sent', async (_name, length) => {
    const { port, told, aborted } = await capturing((_req, res) => {
      res.setHeader('Content-Length', length)
      res.end('body')
    })
    expect(await new Wire(port).send(GET).closed()).toBe('')
    expect(await aborted).toBe('length-mismatch')
    expect(told).toEqual(['length-mismatch'])
  })
})

describe('an answer that finds no way out', () => {
  it.each([
    ['throws', () => Promise.reject(new Error('cannot sign'))],
    [
      'rejects',
      () => {
        throw new Error('cannot sign')
      },
    ],
  ])('an answer that could not be finished never leaves as the handler gave it', async (_name, finish) => {
    const { port } = await capturing(
      (_req, res) => {
        res.setHeader('X-Mine', 'secret')
        res.writeHead(200, 'secret')
        res.end('secret')
      },
      { finish },
    )
    const text = await new Wire(port).send(GET).closed()
    expect(sent(text)).toEqual({ head: ['http/1.1 500 internal server error'], body: '' })
  })

  it('closes the connection where what it is given cannot be sent', async () => {
    const finish = () => ({ status: 200, fields: new Fields(['X-A', 'a\r\nX-B: b']), body: utf8('secret') })
    const { port } = await capturing((_req, res) => res.end('secret'), { finish })
    expect(await new Wire(port).send(GET).closed()).toBe('')
  })

  it('tells once of a caller who left, and goes on without harm', async () => {
    const late = latch<unknown[]>()
    const { port, told, aborted } = await capturing((_req, res) => {
      res.write('a')
      res.on('close', () => {
        const result = res.write('b', (error) => {
          res.end('c')
          late.open([result, (error as NodeJS.ErrnoException).code, res.writableEnded])
        })
      })
      wire.socket.destroy()
    })
    const wire = new Wire(port).send(GET)
    expect(await aborted).toBe('closed')
    expect(await late.promise).toEqual([false, 'ERR_STREAM_DESTROYED', true])
    expect(told).toEqual(['closed'])
  })

  it('tells of a handler that never ends, once its caller has left', async () => {
    const { port, aborted } = await capturing(() => wire.socket.destroy())
    const wire = new Wire(port).send(GET)
    expect(await aborted).toBe('closed')
  })

  it('tells of a handler that destroys its answer', async () => {
    const { port, told, aborted } = await capturing((_req, res) => {
      res.write('a')
      res.destroy()
      res.end('b')
    })
    expect(await new Wire(port).send(GET).closed()).toBe('')
    expect(await aborted).toBe('closed')
    expect(told).toEqual(['closed'])
  })

  it('tells of answers that still wait for their turn on a connection that is gone', async () => {
    const gone = latch()
    const { port, told } = await capturing((req, res) => {
      if (req.url !== '/last') return
      req.socket.once('close', () => {
        res.end('too late')
        setImmediate(gone.open)
      })
      wire.socket.destroy()
    })
    const wire = new Wire(port).send(GET.repeat(20) + LAST)
    await gone.promise
    expect(told).toEqual(Array(21).fill('closed'))
  })

  it('tells of a connection that was gone before', async () => {
    const told = latch<string>()
    const { port } = await serve((req, res) => {
      req.socket.once('close', () => {
        setImmediate(() => captureAnswer(res, { maxBytes: 10, finish: asItIs, onAborted: told.open }))
      })
      wire.socket.destroy()
    })
    const wire = new Wire(port).send(GET)
    expect(await told.promise).toBe('closed')
  })

  it('tells nothing more of a caller who left while the answer was being finished', async () => {
    const closed = latch()
    const { port, told } = await capturing(
      (_req, res) => {
        res.on('close', () => closed.open())
        res.end('a')
      },
      {
        finish: async (captured) => {
          wire.socket.destroy()
          await closed.promise
          return asItIs(captured)
        },
      },
    )
    const wire = new Wire(port).send(GET)
    await once(wire.socket, 'close')
    await closed.promise
    await new Promise(setImmediate)
    expect(told).toHaveLength(1)
    expect(told[0]).toHaveProperty('status', 200)
  })
})
