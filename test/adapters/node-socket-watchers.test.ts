import { expect, it, vi } from 'vitest'
import { discardUnread } from '../../src/adapters/node-body.ts'
import { captureAnswer } from '../../src/adapters/node-response.ts'
import { streamBody } from '../../src/adapters/node-upload.ts'
import { utf8 } from '../../src/core/bytes.ts'
import { createKeyring } from '../../src/envelope/keyring.ts'
import { EnvelopeOpener } from '../../src/envelope/open-stream.ts'
import { EnvelopeSealer } from '../../src/envelope/seal-stream.ts'
import { latch, servers, Wire } from './sockets.ts'

/** Who waits to hear that a connection is gone. */
const watching = vi.hoisted(() => new Set<() => void>())

vi.mock('../../src/adapters/node-socket-close.ts', async (original) => {
  const real = await original<typeof import('../../src/adapters/node-socket-close.ts')>()
  const onSocketClose: typeof real.onSocketClose = (socket, callback) => {
    watching.add(callback)
    const stop = real.onSocketClose(socket, callback)
    return () => {
      watching.delete(callback)
      stop()
    }
  }
  return { onSocketClose }
})

const serve = servers()
const keyring = createKeyring({ primary: 'a', keys: { a: new Uint8Array(32).fill(7) } })

async function sealed(): Promise<Buffer> {
  const sealer = new EnvelopeSealer({ to: keyring })
  const pieces: Uint8Array[] = []
  await sealer.start((piece) => pieces.push(piece))
  await sealer.push(utf8('body'), (piece) => pieces.push(piece))
  await sealer.end((piece) => pieces.push(piece))
  return Buffer.concat(pieces)
}

it('a connection that is kept holds on to no stream that has ended', async () => {
  const { port } = await serve(async (req, res) => {
    captureAnswer(res, {
      maxBytes: 3,
      begin: (head) => ({
        head,
        first: [],
        body: { push: (bytes, put) => put(new Uint8Array(bytes)), end: () => undefined },
        ended: () => undefined,
      }),
      finish: () => {
        throw new Error('nothing is sent as a whole')
      },
      onAborted: () => undefined,
    })
    const upload = await streamBody(req, new EnvelopeOpener({ with: keyring })).catch(() => undefined)
    if (upload !== undefined) for await (const _ of req);
    res.end(upload === undefined ? 'refused' : 'read')
  })
  const wire = new Wire(port)
  const body = await sealed()
  const other = Buffer.alloc(body.length)
  for (const [bytes, answer] of [
    [body, /read/],
    [other, /read[\s\S]*refused/],
  ] as const) {
    wire.send(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${bytes.length}\r\n\r\n`)
    wire.socket.write(bytes)
    await wire.until(answer)
    expect(watching.size).toBe(0)
  }
  wire.socket.destroy()
})

it('a connection that is kept holds on to no body that nobody reads', async () => {
  const ended = latch()
  const { port } = await serve(async (req, res) => {
    await streamBody(req, new EnvelopeOpener({ with: keyring }))
    req.on('end', ended.open)
    res.once('finish', () => discardUnread(req))
    res.end('not read')
  })
  const wire = new Wire(port)
  const body = await sealed()
  wire.send(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n`)
  wire.socket.write(body.subarray(0, -1))
  await wire.until(/not read/)
  // It turns out to be changed only now.
  wire.socket.write(Buffer.of((body.at(-1) ?? 0) ^ 1))
  await ended.promise
  expect([watching.size, wire.socket.destroyed]).toEqual([0, false])
  wire.socket.destroy()
})
