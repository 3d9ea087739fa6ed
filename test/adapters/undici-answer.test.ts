import type { RequestListener } from 'node:http'
import { afterAll, describe, expect, it } from 'vitest'
import { undiciTransport } from '../../src/adapters/undici.ts'
import type { ExchangeHandler } from '../../src/adapters/undici-exchange.ts'
import type { UndiciDispatcher } from '../../src/adapters/undici-options.ts'
import { utf8 } from '../../src/core/bytes.ts'
import type { ExchangeAnswer, ExchangeRequest } from '../../src/flow/engine.ts'
import { latch, servers } from './sockets.ts'

const serve = servers()
const transport = undiciTransport()
afterAll(() => transport.close())

const request = (origin: string, more: Partial<ExchangeRequest> = {}): ExchangeRequest => {
  const plain = { target: '/', method: 'GET', fields: [], body: undefined, signal: undefined, maxBytes: 1_000_000 }
  return { origin, ...plain, ...more }
}

function streamIn({ body }: { readonly body: ExchangeAnswer['body'] | null }): ReadableStream<Uint8Array> {
  if (!(body instanceof ReadableStream)) throw new Error('no stream')
  return body
}

/** The two ways to an answer that comes as it is read. */
const ways: readonly [string, (origin: string) => Promise<ReadableStream<Uint8Array>>][] = [
  ['an exchange', async (origin) => streamIn(await transport.exchange(request(origin, { isStream: () => true })))],
  ['a fetch', async (origin) => streamIn(await transport(origin, {}))],
]

/** Writes as fast as it may, and counts. */
function endless(count: (bytes: number) => void): RequestListener {
  return (_req, res) => {
    const piece = Buffer.alloc(65_536)
    const write = () => {
      while (!res.destroyed) {
        count(piece.length)
        if (!res.write(piece)) return
      }
    }
    res.on('drain', write)
    write()
  }
}

describe.each(ways)('the answer to %s', (_way, streamFrom) => {
  it('makes the other end wait while nobody reads', async () => {
    let written = 0
    const { origin } = await serve(
      endless((bytes) => {
        written += bytes
        // What would never end is to fail, and not to take all memory.
        if (written > 100_000_000) throw new Error('nobody makes the server wait')
      }),
    )
    const body = await streamFrom(origin)
    await expect
      .poll(async () => {
        const before = written
        await new Promise((resolve) => setTimeout(resolve, 200))
        return written > 0 && written === before
      })
      .toBe(true)
    expect(written).toBeLessThan(20_000_000)
    await body.cancel()
  })

  it('holds no more than it may, in bytes, in however small pieces they come', async () => {
    const closed = latch()
    const { origin } = await serve((req, res) => {
      req.socket.on('close', closed.open)
      res.flushHeaders()
      const timer = setInterval(() => {
        for (let i = 0; i < 100 && !res.writableNeedDrain; i++) res.write('x'.repeat(2_000))
      }, 1)
      res.on('close', () => clearInterval(timer))
    })
    const body = await streamFrom(origin)
    await new Promise((resolve) => setTimeout(resolve, 500))
    // All that is there can be read without waiting for a socket: in the same turn.
    const reader = body.getReader()
    let held = 0
    let isTurn = true
    setImmediate(() => {
      isTurn = false
    })
    while (isTurn) held += (await reader.read()).value?.length ?? 0
    expect(held).toBeLessThan(400_000)
    await reader.cancel()
    await closed.promise
  })

  it('closes a connection on which nothing more comes where its reader stops', async () => {
    const closed = latch()
    const { origin } = await serve((req, res) => {
      req.socket.on('close', closed.open)
      res.write('the first of many')
    })
    const reader = (await streamFrom(origin)).getReader()
    await reader.read()
    await reader.cancel()
    await closed.promise
  })

  it('is made of pieces in buffers of their own', async () => {
    const { origin } = await serve((_req, res) => void res.write('a'))
    const reader = (await streamFrom(origin)).getReader()
    const { value } = await reader.read()
    expect([value?.length, value?.buffer.byteLength]).toEqual([1, 1])
    await reader.cancel()
  })
})

/** A dispatcher that says what a server would, and what it was told. */
function dispatcher(run: (handler: ExchangeHandler) => void): UndiciDispatcher {
  return {
    dispatch(_options, handler) {
      run(handler)
      return true
    },
  }
}

it('keeps what it was given, whatever becomes of the buffer of a dispatcher', async () => {
  const given = Buffer.from('sealed')
  const own = undiciTransport({
    dispatcher: dispatcher((handler) => {
      handler.onConnect(() => undefined)
      handler.onHeaders(200, [], () => undefined)
      handler.onData(given)
      given.fill(0)
      handler.onComplete()
    }),
  })
  const answer = await own.exchange(request('http://x', { isStream: () => true }))
  expect(await new Response(streamIn(answer)).text()).toBe('sealed')
})

it('asks for nothing more of an answer that is larger than the limit', async () => {
  const told: unknown[] = []
  const own = undiciTransport({
    dispatcher: dispatcher((handler) => {
      handler.onConnect(() => told.push('closed'))
      handler.onHeaders(200, [], () => undefined)
      told.push(handler.onData(utf8('12345')), handler.onData(utf8('6')))
    }),
  })
  expect((await own.exchange(request('http://x', { maxBytes: 5 }))).body).toBe('too-large')
  expect(told).toEqual(['closed', true, false])
})
