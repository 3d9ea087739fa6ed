import { once } from 'node:events'
import type { RequestListener, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { describe, expect, it } from 'vitest'
import type { Captured } from '../../src/adapters/node-capture-options.ts'
import { captureAnswer } from '../../src/adapters/node-response.ts'
import { utf8 } from '../../src/core/bytes.ts'
import type { MaybePromise } from '../../src/core/maybe-promise.ts'
import { Fields, type HttpResponse } from '../../src/core/message.ts'
import type { StreamedAnswer } from '../../src/flow/answer-stream.ts'
import type { Ending } from '../../src/flow/passage.ts'
import { latch, servers, Wire } from './sockets.ts'

const serve = servers()
const GET = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'
const LAST = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'

type Begin = (head: HttpResponse) => MaybePromise<StreamedAnswer>

/** A body that leaves as it is, in brackets, so that one can see what was one write. */
function bracketed(head: HttpResponse, endings: Ending[]): StreamedAnswer {
  return {
    head: { status: head.status, fields: head.fields.and(['X-Signed', 'yes']) },
    first: [utf8('<')],
    body: {
      push: (bytes, put) => put(utf8(`[${new TextDecoder().decode(bytes)}]`)),
      end: (put) => put(utf8('>')),
    },
    ended: (ending) => endings.push(ending),
  }
}

/** A server that can stream its answers, and all that was told of them. */
async function streaming(
  handler: RequestListener,
  how: { begin?: Begin; maxBytes?: number; before?: Promise<void> } = {},
) {
  const endings: Ending[] = []
  const told: (Captured | string)[] = []
  const service = await serve((req, res) => {
    captureAnswer(res, {
      maxBytes: how.maxBytes ?? 10,
      begin: how.begin ?? ((head) => bracketed(head, endings)),
      finish: (captured) => {
        told.push(captured)
        const answer = 'tooLarge' in captured ? { status: 501, fields: new Fields([]), body: utf8('no') } : captured
        return how.before === undefined ? answer : how.before.then(() => answer)
      },
      onAborted: (cause) => told.push(cause),
    })
    handler(req, res)
  })
  return { ...service, endings, told }
}

const unchunked = (text: string) =>
  text
    .slice(text.indexOf('\r\n\r\n') + 4)
    .replace(/[0-9a-f]+\r\n([\s\S]*?)\r\n/g, '$1')
    .replace(/\r\n$/, '')

it('leaves as it is written once it is longer than may be kept', async () => {
  const { port, endings, told } = await streaming((_req, res) => {
    res.setHeader('X-Own', '1')
    res.write('12345')
    expect(res.headersSent).toBe(true)
    res.write('678901')
    expect(() => res.setHeader('x', 'late')).toThrow()
    res.write('more')
    res.end('end')
  })
  const text = await new Wire(port).send(LAST).closed()
  expect(text).toMatch(/^HTTP\/1.1 200 OK\r\n/)
  expect(text).toContain('X-Own: 1\r\n')
  expect(text).toContain('X-Signed: yes\r\n')
  expect(text).not.toMatch(/content-length/i)
  expect(unchunked(text)).toBe('<[12345][678901][more][end]>')
  expect([endings, told]).toEqual([[{ bytes: 28, error: undefined }], []])
})

it('is sent as a whole while it is short', async () => {
  const { port, endings } = await streaming((_req, res) => res.end('0123456789'))
  const text = await new Wire(port).send(LAST).closed()
  expect([text.endsWith('0123456789'), endings]).toEqual([true, []])
})

it.each<[string, (res: ServerResponse) => void]>([
  ['events', (res) => res.writeHead(200, { 'content-type': 'text/event-stream' })],
  ['lines that are written one by one', (res) => res.setHeader('content-type', 'application/x-ndjson')],
  ['a head that is flushed', (res) => res.flushHeaders()],
])('leaves at once: %s', async (_name, begin) => {
  const go = latch()
  const { port } = await streaming(async (_req, res) => {
    begin(res)
    res.write('a')
    await go.promise
    res.end('b')
  })
  const wire = new Wire(port).send(LAST)
  await wire.until(/\[a\]/)
  go.open()
  expect(unchunked(await wire.closed())).toBe('<[a][b]>')
})

it('keeps one connection for the next call', async () => {
  const { port } = await streaming((_req, res) => res.end('x'.repeat(11)))
  const wire = new Wire(port)
  await wire.send(GET).until(/>\r\n0\r\n\r\n/)
  expect((await wire.send(LAST).closed()).match(/HTTP\/1.1 200 OK/g)).toHaveLength(2)
})

it('has no body to stream for HEAD', async () => {
  const { port, endings } = await streaming((_req, res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream', 'content-length': '20' })
    res.end('x'.repeat(20))
  })
  const text = await new Wire(port).send(LAST.replace('GET', 'HEAD')).closed()
  expect([text.includes('X-Signed'), text.endsWith('\r\n\r\n'), endings]).toEqual([false, true, []])
})

it('waits for its head where that takes time to sign, and loses nothing of what is written meanwhile', async () => {
  const signed = latch()
  const endings: Ending[] = []
  const drained = latch()
  const begin: Begin = async (head) => {
    await signed.promise
    return bracketed(head, endings)
  }
  const handler: RequestListener = (_req, res) => {
    res.on('drain', drained.open)
    expect(res.write('x'.repeat(11))).toBe(false)
    expect(res.write('y')).toBe(false)
    signed.open()
  }
  const { port } = await streaming(
    (req, res) => {
      handler(req, res)
      void drained.promise.then(() => res.end('z'))
    },
    { begin },
  )
  expect(unchunked(await new Wire(port).send(LAST).closed())).toBe(`<[${'x'.repeat(11)}][y][z]>`)
})

it('lets a handler end before the head is signed', async () => {
  const endings: Ending[] = []
  const begin: Begin = async (head) => {
    await new Promise(setImmediate)
    return bracketed(head, endings)
  }
  const { port } = await streaming(
    (_req, res) => {
      res.end('x'.repeat(11))
      expect(res.writableEnded).toBe(true)
    },
    { begin },
  )
  expect(unchunked(await new Wire(port).send(LAST).closed())).toBe(`<[${'x'.repeat(11)}]>`)
  expect(endings).toHaveLength(1)
})

it.each<[string, Begin]>([
  [
    'at once',
    () => {
      throw new Error('no key')
    },
  ],
  ['later', () => Promise.reject(new Error('no key'))],
])('is cut off where it cannot be begun, %s', async (_name, begin) => {
  const { port, told } = await streaming(
    (_req, res) => {
      res.write('x'.repeat(11))
      setImmediate(() => res.end('y'))
    },
    { begin },
  )
  const text = await new Wire(port).send(LAST).closed()
  expect([text.startsWith('HTTP/1.1 501'), text.includes('xxx')]).toEqual([true, false])
  expect(told).toEqual([{ tooLarge: true, cause: new Error('no key') }])
})

describe('an announced length', () => {
  it('a streamed answer longer than its handler announced does not come to its end', async () => {
    const { port, endings } = await streaming((_req, res) => {
      res.setHeader('content-length', '12')
      res.write('x'.repeat(12))
      res.write('y')
      res.end()
    })
    const text = await new Wire(port).send(LAST).closed()
    expect([text.includes('[y]'), text.includes('>')]).toEqual([false, false])
    expect(endings).toMatchObject([{ error: expect.any(Error) }])
  })

  it('a streamed answer shorter than its handler announced does not come to its end', async () => {
    const { port, endings } = await streaming((_req, res) => {
      res.setHeader('content-length', '13')
      res.write('x'.repeat(12))
      res.end()
    })
    const text = await new Wire(port).send(LAST).closed()
    expect(text.includes('>')).toBe(false)
    expect(endings).toMatchObject([{ error: expect.any(Error) }])
  })

  it('that is passed is noticed before what still waits is sealed', async () => {
    const sealed = latch()
    const broken = latch()
    const endings: Ending[] = []
    const pushed: number[] = []
    const begin: Begin = (head) => {
      const push = async (bytes: Uint8Array) => {
        pushed.push(bytes.length)
        await sealed.promise
      }
      return { ...bracketed(head, endings), body: { push, end: () => undefined } }
    }
    const { port } = await streaming(
      (_req, res) => {
        res.setHeader('content-length', '12')
        res.write('x'.repeat(11))
        res.write('y')
        res.write('z')
        res.on('close', broken.open)
      },
      { begin },
    )
    const text = await new Wire(port).send(LAST).closed()
    await broken.promise
    sealed.open()
    await new Promise(setImmediate)
    // The chunk that ends all chunks does not come.
    expect(text.endsWith('0\r\n\r\n')).toBe(false)
    expect([pushed, endings]).toEqual([[11], [{ bytes: 1, error: expect.any(Error) }]])
  })

  it('that is kept to is no hindrance', async () => {
    const { port, endings } = await streaming((_req, res) => {
      res.setHeader('content-length', '13')
      res.write('x'.repeat(12))
      res.end('y')
    })
    expect(unchunked(await new Wire(port).send(LAST).closed())).toBe(`<[${'x'.repeat(12)}][y]>`)
    expect(endings).toMatchObject([{ error: undefined }])
  })
})

it('tells that the connection was lost, once, and the handler hears of it', async () => {
  const closed = latch<unknown>()
  const { port, endings, told } = await streaming((_req, res) => {
    const endless = Readable.from(
      (function* () {
        for (;;) yield Buffer.alloc(65_536)
      })(),
      { objectMode: false },
    )
    pipeline(endless, res).then(closed.open, closed.open)
  })
  const wire = new Wire(port).send(GET)
  await wire.until(/\[/)
  wire.socket.destroy()
  expect(await closed.promise).toBeInstanceOf(Error)
  await expect.poll(() => endings.length).toBe(1)
  expect([endings[0]?.error, told]).toEqual([expect.any(Error), []])
})

it('makes a handler wait for a reader who does not read', async () => {
  let written = 0
  const { port } = await streaming((_req, res) => {
    const endless = Readable.from(
      (function* () {
        for (;;) {
          written += 65_536
          yield Buffer.alloc(65_536)
        }
      })(),
      { objectMode: false },
    )
    pipeline(endless, res).catch(() => undefined)
  })
  const wire = new Wire(port)
  await once(wire.socket, 'connect')
  wire.socket.pause()
  wire.send(GET)
  await expect
    .poll(async () => {
      const before = written
      await new Promise((resolve) => setTimeout(resolve, 200))
      return written > 0 && written === before
    })
    .toBe(true)
  expect(written).toBeLessThan(20_000_000)
  wire.socket.destroy()
})

it('calls back who paces itself by that only when there is room again', async () => {
  let written = 0
  const closed = latch()
  const { port } = await streaming(async (_req, res) => {
    res.on('close', closed.open)
    while (!res.destroyed) {
      await new Promise<void>((resolve) => res.write(Buffer.alloc(65_536), () => resolve()))
      written += 65_536
    }
  })
  const wire = new Wire(port)
  await once(wire.socket, 'connect')
  wire.socket.pause()
  wire.send(GET)
  await new Promise((resolve) => setTimeout(resolve, 500))
  expect(written).toBeLessThan(20_000_000)
  wire.socket.destroy()
  await closed.promise
})

it('asks nobody to wait for a drain that does not come', async () => {
  const { port } = await streaming((_req, res) => {
    expect(res.write('x'.repeat(11))).toBe(true)
    res.end('y')
  })
  expect(unchunked(await new Wire(port).send(LAST).closed())).toBe(`<[${'x'.repeat(11)}][y]>`)
})

it('lets a handler go on that waits where the answer could not be begun', async () => {
  const drained = latch()
  const begin: Begin = async () => {
    throw new Error('no key')
  }
  const { port } = await streaming(
    (_req, res) => {
      res.on('drain', drained.open)
      expect(res.write('x'.repeat(11))).toBe(false)
    },
    { begin },
  )
  await new Wire(port).send(GET).until(/no$/)
  await drained.promise
})

it.each([
  ['GET', 204],
  ['GET', 304],
  ['HEAD', 200],
])('has no body to stream to %s with %i where the head is flushed', async (method, status) => {
  const { port, endings } = await streaming((_req, res) => {
    res.statusCode = status
    res.flushHeaders()
    res.end()
  })
  const text = await new Wire(port).send(LAST.replace('GET', method)).closed()
  expect([text.includes('X-Signed'), text.endsWith('\r\n\r\n'), endings]).toEqual([false, true, []])
})

it('fails its caller, and tells once, where what was written cannot be sealed', async () => {
  const closed = latch()
  const endings: Ending[] = []
  const broken = new Error('the key is gone')
  const begin: Begin = (head) => ({
    ...bracketed(head, endings),
    body: { push: () => Promise.reject(broken), end: (put) => put(utf8('>')) },
  })
  const { port, told } = await streaming(
    (_req, res) => {
      res.on('close', closed.open)
      res.end('x'.repeat(11))
    },
    { begin },
  )
  const text = await new Wire(port).send(LAST).closed()
  await closed.promise
  await new Promise(setImmediate)
  expect([text.includes('X-Signed'), text.endsWith('0\r\n\r\n')]).toEqual([true, false])
  expect([endings, told]).toEqual([[{ bytes: 1, error: broken }], []])
})

it('stays ended for its handler while what it wrote is on its way', async () => {
  const sealing = latch()
  const sealed = latch()
  const endings: Ending[] = []
  const written = latch<unknown>()
  const begin: Begin = (head) => {
    const push: StreamedAnswer['body']['push'] = async (_bytes, put) => {
      await new Promise(setImmediate)
      put(utf8('['))
      sealing.open()
      await sealed.promise
    }
    return { ...bracketed(head, endings), body: { push, end: (put) => put(utf8('>')) } }
  }
  const { port } = await streaming(
    async (_req, res) => {
      res.on('error', () => undefined)
      res.end('x'.repeat(11))
      await sealing.promise
      expect(res.writableEnded).toBe(true)
      res.write('late', (error) => written.open((error as NodeJS.ErrnoException).code))
      sealed.open()
    },
    { begin },
  )
  const text = await new Wire(port).send(LAST).closed()
  expect(await written.promise).toBe('ERR_STREAM_WRITE_AFTER_END')
  expect([unchunked(text), endings.length]).toEqual(['<[>', 1])
})

it.each([204, 304])('has no body to stream with %i, whatever its media type', async (status) => {
  const { port, endings } = await streaming((_req, res) => {
    res.statusCode = status
    res.setHeader('content-type', 'application/x-ndjson')
    res.write('{}')
    res.end()
  })
  const text = await new Wire(port).send(LAST).closed()
  expect([text.includes('X-Signed'), text.endsWith('\r\n\r\n'), endings]).toEqual([false, true, []])
})

it('sends no trailers, which no proof covers', async () => {
  const { port } = await streaming((_req, res) => {
    res.write('x'.repeat(11))
    res.addTrailers({ 'x-secret': 'plain' })
    res.end()
  })
  expect(await new Wire(port).send(LAST).closed()).not.toContain('x-secret')
})

it('calls back who waits for room on a connection that was lost', async () => {
  const called = latch()
  const never: Begin = () => new Promise(() => undefined)
  const { port } = await streaming((_req, res) => void res.write('x'.repeat(11), () => called.open()), { begin: never })
  const wire = new Wire(port)
  await once(wire.socket, 'connect')
  wire.send(GET)
  await new Promise((resolve) => setTimeout(resolve, 100))
  wire.socket.destroy()
  await called.promise
})

it('looks like no end where whoever wrapped its end earlier fails', async () => {
  const endings: Ending[] = []
  const { port } = await serve((_req, res) => {
    res.end = () => {
      throw new Error('a bug of somebody else')
    }
    captureAnswer(res, {
      maxBytes: 10,
      begin: (head) => bracketed(head, endings),
      finish: () => ({ status: 200, fields: new Fields([]), body: undefined }),
      onAborted: () => undefined,
    })
    res.write('x'.repeat(11))
    res.end('y')
  })
  const text = await new Wire(port).send(GET).closed()
  expect([text.includes('[y]'), text.endsWith('0\r\n\r\n')]).toEqual([true, false])
})

describe('a connection that is lost', () => {
  /** Waits until the server, too, has noticed. */
  const closing = () => {
    const closed = latch()
    return { closed: closed.promise, watch: (res: ServerResponse) => res.on('close', closed.open) }
  }

  it('before the head is signed is told as any answer that did not leave, and nothing is begun any more', async () => {
    for (const outcome of ['signed', 'failed']) {
      const { closed, watch } = closing()
      const signing = latch()
      const signed = latch()
      const begun: Ending[] = []
      const begin: Begin = async (head) => {
        signing.open()
        await signed.promise
        if (outcome === 'failed') throw new Error('no key')
        return bracketed(head, begun)
      }
      const { port, told } = await streaming(
        (_req, res) => {
          watch(res)
          res.end('x'.repeat(11))
        },
        { begin },
      )
      const wire = new Wire(port).send(GET)
      await signing.promise
      wire.socket.destroy()
      await closed
      expect(told).toEqual(['closed'])
      signed.open()
      await new Promise(setImmediate)
      expect([told, begun]).toEqual([['closed'], []])
    }
  })

  it('after the handler has ended, and before all has left, is no end', async () => {
    const { closed, watch } = closing()
    const sealing = latch()
    const sealed = latch()
    const endings: Ending[] = []
    const pushed: number[] = []
    const begin: Begin = (head) => {
      const push = async (bytes: Uint8Array) => {
        pushed.push(bytes.length)
        sealing.open()
        await sealed.promise
      }
      return { ...bracketed(head, endings), body: { push, end: () => undefined } }
    }
    const { port, told } = await streaming(
      (_req, res) => {
        watch(res)
        res.write('x'.repeat(11))
        res.end('y')
      },
      { begin },
    )
    const wire = new Wire(port).send(GET)
    await sealing.promise
    wire.socket.destroy()
    await closed
    sealed.open()
    await new Promise(setImmediate)
    expect(endings).toEqual([{ bytes: 1, error: expect.any(Error) }])
    // Nobody seals what nobody will get.
    expect([pushed, told]).toEqual([[11], []])
  })
})

it('begins nothing any more once it was refused, however late its head is signed', async () => {
  for (const isSignedFirst of [true, false]) {
    const refused = latch()
    const signed = latch()
    const begun: Ending[] = []
    const begin: Begin = async (head) => {
      await signed.promise
      return bracketed(head, begun)
    }
    const { port, told } = await streaming(
      (req, res) => {
        if (req.url === '/last') {
          res.end('next')
          return
        }
        res.setHeader('content-length', '12')
        res.write('x'.repeat(13))
        if (isSignedFirst) signed.open()
        setImmediate(refused.open)
      },
      { begin, before: refused.promise },
    )
    const wire = new Wire(port).send(GET)
    await wire.until(/no$/)
    signed.open()
    await new Promise(setImmediate)
    const text = await wire.send(LAST.replace('/', '/last')).closed()
    expect(text.match(/HTTP\/1.1 \d+|X-Signed|xxx|next/g)).toEqual(['HTTP/1.1 501', 'HTTP/1.1 200', 'next'])
    expect([told.length, begun]).toEqual([2, []])
  }
})

/** A body that takes a moment for each piece, as where it is sealed far away. */
function slow(head: HttpResponse): StreamedAnswer {
  return {
    ...bracketed(head, []),
    body: {
      push: async (bytes, put) => {
        await new Promise(setImmediate)
        put(new Uint8Array(bytes))
      },
      end: (put) => put(utf8('>')),
    },
  }
}

it('says drain when what was written was sealed, and not while the connection is full', async () => {
  let written = 0
  let drains = 0
  const { port } = await streaming(
    (_req, res) => {
      const write = () => {
        // What would never end is to fail, and not to take all memory.
        while (written < 60_000_000) {
          written += 65_536
          if (!res.write(Buffer.alloc(65_536))) return
        }
      }
      res.on('drain', () => {
        drains++
        write()
      })
      write()
    },
    { begin: slow },
  )
  const wire = new Wire(port)
  await once(wire.socket, 'connect')
  wire.socket.pause()
  wire.send(GET)
  await expect
    .poll(async () => {
      const before = written
      await new Promise((resolve) => setTimeout(resolve, 200))
      return drains > 0 && written === before
    })
    .toBe(true)
  expect(written).toBeLessThan(20_000_000)
  wire.socket.destroy()
})

it('says no drain to a handler that was not told to wait', async () => {
  let drains = 0
  const begin: Begin = async (head) => {
    await new Promise(setImmediate)
    return bracketed(head, [])
  }
  const { port } = await streaming(
    (_req, res) => {
      res.on('drain', () => drains++)
      res.flushHeaders()
    },
    { begin },
  )
  const wire = new Wire(port).send(GET)
  await wire.until(/</)
  await new Promise(setImmediate)
  expect(drains).toBe(0)
  wire.socket.destroy()
})

it('writes nothing more to an answer that its handler has destroyed', async () => {
  const written: string[] = []
  const closed = latch()
  const { port } = await serve((_req, res) => {
    // Who wrapped it earlier is asked for what leaves.
    const { write } = res
    res.write = (...given: unknown[]) => {
      written.push(String(given[0]))
      return Reflect.apply(write, res, given)
    }
    const push: StreamedAnswer['body']['push'] = async (_bytes, put) => {
      await new Promise(setImmediate)
      res.destroy()
      put(utf8('late'))
    }
    captureAnswer(res, {
      maxBytes: 10,
      begin: (head) => ({ ...bracketed(head, []), body: { push, end: () => undefined } }),
      finish: () => ({ status: 200, fields: new Fields([]), body: undefined }),
      onAborted: () => undefined,
    })
    res.on('close', closed.open)
    res.write('x'.repeat(11))
  })
  new Wire(port).send(GET)
  await closed.promise
  await new Promise(setImmediate)
  expect(written).toEqual(['<'])
})
