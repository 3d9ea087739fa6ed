import type { IncomingMessage, ServerResponse } from 'node:http'
import { expect, it } from 'vitest'
import { discardUnread } from '../../src/adapters/node-body.ts'
import { streamBody } from '../../src/adapters/node-upload.ts'
import { createKeyring, type Keyring } from '../../src/envelope/keyring.ts'
import { EnvelopeOpener } from '../../src/envelope/open-stream.ts'
import { EnvelopeSealer } from '../../src/envelope/seal-stream.ts'
import type { Upload } from '../../src/flow/inbound/stages.ts'
import { isSame, pattern } from '../envelope/fixtures.ts'
import { latch, servers, Wire } from './sockets.ts'

const serve = servers()
const key = new Uint8Array(32).fill(7)
const here = createKeyring({ primary: 'a', keys: { a: key } })
const service = {
  wrap: async (dataKey: Uint8Array) => Uint8Array.from(dataKey, (byte) => byte ^ 1),
  unwrap: async (wrapped: Uint8Array) => Uint8Array.from(wrapped, (byte) => byte ^ 1),
}
const far = createKeyring({ primary: 'a', keys: { a: service } })

async function sealed(keyring: Keyring, size: number): Promise<Buffer> {
  const sealer = new EnvelopeSealer({ to: keyring })
  const pieces: Uint8Array[] = []
  await sealer.start((piece) => pieces.push(piece))
  await sealer.push(pattern(size), (piece) => pieces.push(piece))
  await sealer.end((piece) => pieces.push(piece))
  return Buffer.concat(pieces)
}

interface Seen {
  readonly bytes: Buffer
  readonly error: unknown
  readonly upload: Upload | undefined
}

async function readAll(req: IncomingMessage): Promise<{ bytes: Buffer; error: unknown }> {
  const parts: Buffer[] = []
  try {
    for await (const part of req) parts.push(part as Buffer)
  } catch (error) {
    return { bytes: Buffer.concat(parts), error }
  }
  return { bytes: Buffer.concat(parts), error: undefined }
}

/** An opener that counts what it is given. */
class CountingOpener extends EnvelopeOpener {
  pushes = 0

  override push(...given: Parameters<EnvelopeOpener['push']>) {
    this.pushes++
    return super.push(...given)
  }
}

type Read = (req: IncomingMessage, res: ServerResponse) => Promise<{ bytes: Buffer; error: unknown }>

/** A server that opens what comes, after a moment if the test says so, and what its handler saw. */
async function opening(keyring: Keyring, how: { after?: Promise<void>; read?: Read } = {}) {
  const seen: Seen[] = []
  const refused: unknown[] = []
  const handled = latch()
  const started = await serve(async (req, res) => {
    await how.after
    try {
      const upload = await streamBody(req, new EnvelopeOpener({ with: keyring }))
      seen.push({ ...(await (how.read ?? readAll)(req, res)), upload })
      if (!res.writableEnded) res.end('read')
    } catch (cause) {
      refused.push(cause)
      res.end('refused')
    }
    handled.open()
  })
  return { ...started, seen, refused, handled: handled.promise }
}

const head = (length: number | 'chunked') =>
  `POST / HTTP/1.1\r\nHost: x\r\n${length === 'chunked' ? 'Transfer-Encoding: chunked' : `Content-Length: ${length}`}\r\n\r\n`

function send(wire: Wire, bytes: Buffer): void {
  wire.send(head(bytes.length))
  wire.socket.write(bytes)
}

it.each([
  ['a key that is here', here],
  ['a key that has to be asked for', far],
])('gives what was opened in place of what arrived, by %s', async (_name, keyring) => {
  const { port, seen } = await opening(keyring)
  const wire = new Wire(port)
  for (const size of [0, 1, 1000, 262_144, 600_000, 9_000_000]) {
    send(wire, await sealed(keyring, size))
    await expect.poll(() => seen.length, { timeout: 10_000 }).toBe(1)
    const [one] = seen.splice(0)
    expect([one?.error, one?.bytes.length, one?.upload?.bytes]).toEqual([undefined, size, size])
    expect(isSame(one?.bytes ?? Buffer.alloc(0), pattern(size))).toBe(true)
  }
  // All of it over one connection: the end of a body is the end of its request.
  expect(
    (await wire.send(`${head(0).replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n')}`).closed()).match(/read/g),
  ).toHaveLength(6)
})

it('opens what had all arrived before anybody looked', async () => {
  const after = latch()
  for (const keyring of [here, far]) {
    const { port, seen } = await opening(keyring, { after: after.promise })
    send(new Wire(port), await sealed(keyring, 10_000))
    setTimeout(after.open, 50)
    await expect.poll(() => seen.length).toBe(1)
    expect([seen[0]?.bytes.length, seen[0]?.error]).toEqual([10_000, undefined])
  }
})

it('opens what comes byte by byte', async () => {
  const { port, seen } = await opening(here)
  const wire = new Wire(port)
  wire.socket.setNoDelay()
  wire.send(head('chunked'))
  for (const byte of await sealed(here, 300)) {
    wire.socket.write(Buffer.concat([Buffer.from('1\r\n'), Buffer.of(byte), Buffer.from('\r\n')]))
    await new Promise(setImmediate)
  }
  wire.send('0\r\n\r\n')
  await expect.poll(() => seen.length).toBe(1)
  expect(isSame(seen[0]?.bytes ?? Buffer.alloc(0), pattern(300))).toBe(true)
})

it('whoever reads a body that turns out to be changed or cut off gets an error, and never its end', async () => {
  for (const keyring of [here, far]) {
    const whole = await sealed(keyring, 600_000)
    const flipped = Buffer.from(whole)
    flipped[500_000] = (flipped[500_000] ?? 0) ^ 1
    for (const [bytes, atMost] of [
      [flipped, 262_144],
      [whole.subarray(0, -1), 524_288],
      [whole.subarray(0, 400_000), 262_144],
      [Buffer.concat([whole, Buffer.of(0)]), 600_000],
    ] as const) {
      const { port, seen } = await opening(keyring)
      send(new Wire(port), bytes)
      await expect.poll(() => seen.length).toBe(1)
      expect(seen[0]).toMatchObject({ error: { code: 'unopened' }, upload: { failure: { code: 'unopened' } } })
      expect(seen[0]?.bytes.length).toBeLessThanOrEqual(atMost)
      expect(isSame(seen[0]?.bytes ?? Buffer.of(9), pattern(600_000).subarray(0, seen[0]?.bytes.length))).toBe(true)
    }
  }
})

it.each<[string, Read]>([
  [
    'drains it',
    (req) =>
      new Promise((resolve) => {
        req.resume()
        req.on('end', () => resolve({ bytes: Buffer.alloc(0), error: undefined }))
        req.on('error', (error) => resolve({ bytes: Buffer.alloc(0), error }))
      }),
  ],
  [
    'listens to it',
    (req) =>
      new Promise((resolve) => {
        req.on('data', () => undefined)
        req.on('end', () => resolve({ bytes: Buffer.alloc(0), error: undefined }))
        req.on('error', (error) => resolve({ bytes: Buffer.alloc(0), error }))
      }),
  ],
])('gives an error, and no end, to a handler that %s', async (_name, read) => {
  const { port, seen } = await opening(here, { read })
  send(new Wire(port), (await sealed(here, 600_000)).subarray(0, 400_000))
  await expect.poll(() => seen.length).toBe(1)
  expect(seen[0]).toMatchObject({ error: { code: 'unopened' }, upload: { failure: { code: 'unopened' } } })
})

it('refuses what cannot be opened before its handler has it, and the connection is there for the answer', async () => {
  const other = createKeyring({ primary: 'a', keys: { a: new Uint8Array(32).fill(8) } })
  for (const bytes of [
    await sealed(other, 100),
    Buffer.from('nothing of the kind'),
    Buffer.alloc(0),
    (await sealed(here, 9)).subarray(0, 50),
  ]) {
    const { port, refused } = await opening(here)
    const wire = new Wire(port)
    send(wire, bytes)
    await wire.until(/refused/)
    expect(refused).toMatchObject([{ code: 'unopened' }])
  }
})

it('says that the caller went away before the body had begun', async () => {
  const { port, refused, handled } = await opening(here)
  const wire = new Wire(port)
  wire.send(head(5000)).send('SVE')
  await new Promise((resolve) => setTimeout(resolve, 50))
  wire.socket.destroy()
  await handled
  expect(refused).toMatchObject([{ name: 'AbortError' }])
})

it('gives an error where the caller goes away in the midst of it', async () => {
  const { port, seen } = await opening(here)
  const wire = new Wire(port)
  const whole = await sealed(here, 600_000)
  wire.send(head(whole.length))
  wire.socket.write(whole.subarray(0, 300_000))
  await new Promise((resolve) => setTimeout(resolve, 50))
  wire.socket.destroy()
  await expect.poll(() => seen.length).toBe(1)
  expect(seen[0]?.error).toBeInstanceOf(Error)
  expect(seen[0]?.bytes.length).toBeLessThanOrEqual(262_144)
})

it('lets a handler answer that does not read, and keeps the connection', async () => {
  const { port } = await opening(here, {
    read: async (req, res) => {
      res.once('finish', () => discardUnread(req))
      res.end('not read')
      return { bytes: Buffer.alloc(0), error: undefined }
    },
  })
  const wire = new Wire(port)
  for (const size of [10, 100_000]) send(wire, await sealed(here, size))
  await wire.until(/not read[\s\S]*not read/)
  const whole = await sealed(here, 10)
  // What turns out to be changed after that is of no interest any more.
  wire.send(head(whole.length))
  wire.socket.write(whole.subarray(0, -1))
  await wire.until(/(not read[\s\S]*){3}/)
  wire.socket.write(Buffer.of((whole.at(-1) ?? 0) ^ 1))
  send(wire, await sealed(here, 10))
  await wire.until(/(not read[\s\S]*){4}/)
})

it('lets the socket rest while nobody reads', async () => {
  const go = latch()
  const { port, seen } = await opening(here, {
    read: async (req) => {
      await go.promise
      return readAll(req)
    },
  })
  const wire = new Wire(port)
  const whole = await sealed(here, 30_000_000)
  send(wire, whole)
  await new Promise((resolve) => setTimeout(resolve, 300))
  expect(wire.socket.bytesWritten - wire.socket.writableLength).toBeLessThan(20_000_000)
  go.open()
  await expect.poll(() => seen.length, { timeout: 10_000 }).toBe(1)
  expect(seen[0]?.bytes.length).toBe(30_000_000)
})

it('holds little of what nobody reads', async () => {
  const looked = latch<number>()
  const { port } = await opening(here, {
    read: async (req) => {
      await new Promise((resolve) => setTimeout(resolve, 300))
      looked.open(req.readableLength)
      return readAll(req)
    },
  })
  send(new Wire(port), await sealed(here, 3_500_000))
  expect(await looked.promise).toBeLessThan(1_000_000)
})

it('lets the socket rest while its key is awaited', async () => {
  const there = latch()
  const unwrap = async (wrapped: Uint8Array) => {
    await there.promise
    return service.unwrap(wrapped)
  }
  const { port, seen } = await opening(createKeyring({ primary: 'a', keys: { a: { ...service, unwrap } } }))
  const wire = new Wire(port)
  send(wire, await sealed(far, 30_000_000))
  await new Promise((resolve) => setTimeout(resolve, 300))
  expect(wire.socket.bytesWritten - wire.socket.writableLength).toBeLessThan(20_000_000)
  there.open()
  await expect.poll(() => seen.length, { timeout: 10_000 }).toBe(1)
  expect(seen[0]?.bytes.length).toBe(30_000_000)
})

it('lets the socket rest while nobody reads, also where each piece takes its time', async () => {
  class SlowOpener extends EnvelopeOpener {
    override async push(...given: Parameters<EnvelopeOpener['push']>) {
      await new Promise(setImmediate)
      await super.push(...given)
    }
  }
  const go = latch()
  const read = latch<number>()
  const { port } = await serve(async (req, res) => {
    await streamBody(req, new SlowOpener({ with: here }))
    await go.promise
    read.open((await readAll(req)).bytes.length)
    res.end()
  })
  const wire = new Wire(port)
  send(wire, await sealed(here, 30_000_000))
  await new Promise((resolve) => setTimeout(resolve, 500))
  expect(wire.socket.bytesWritten - wire.socket.writableLength).toBeLessThan(20_000_000)
  go.open()
  expect(await read.promise).toBe(30_000_000)
})

it('opens no more of a body once its caller has gone away', async () => {
  const asked = latch()
  const gone = latch()
  const there = latch()
  const refused = latch<unknown>()
  const waiting = createKeyring({
    primary: 'a',
    keys: {
      a: {
        ...service,
        unwrap: async (wrapped: Uint8Array) => {
          asked.open()
          await there.promise
          return service.unwrap(wrapped)
        },
      },
    },
  })
  const opener = new CountingOpener({ with: waiting })
  const { port } = await serve(async (req) => {
    req.socket.once('close', gone.open)
    const started = streamBody(req, opener)
    await asked.promise
    // More of it arrives before the key is there; then the connection is lost.
    req.push(Buffer.alloc(1000))
    req.socket.destroy()
    await started.catch(refused.open)
  })
  const wire = new Wire(port).send(head(700_000))
  wire.socket.write((await sealed(far, 600_000)).subarray(0, 1000))
  await gone.promise
  there.open()
  expect(await refused.promise).toMatchObject({ name: 'AbortError' })
  await expect.poll(() => opener.isBegun).toBe(true)
  await new Promise(setImmediate)
  expect(opener.pushes).toBe(1)
})

it('leaves the rest of a body that was refused to who reads past it', async () => {
  const read = latch<number>()
  const { port } = await serve(async (req, res) => {
    const refused = await streamBody(req, new EnvelopeOpener({ with: here })).catch(() => 'refused')
    expect(refused).toBe('refused')
    wire.send('the rest')
    read.open((await readAll(req)).bytes.length)
    res.end()
  })
  const wire = new Wire(port).send(`${head(108)}${'x'.repeat(100)}`)
  // What was looked at is gone; what follows is as it arrived.
  expect(await read.promise).toBe(8)
})

it('ends a body that nobody reads, also where it turns out to be changed', async () => {
  const ended = latch()
  const { port } = await opening(here, {
    read: async (req, res) => {
      req.on('end', ended.open)
      res.once('finish', () => discardUnread(req))
      res.end('not read')
      return { bytes: Buffer.alloc(0), error: undefined }
    },
  })
  const wire = new Wire(port)
  const whole = await sealed(here, 10)
  wire.send(head(whole.length))
  wire.socket.write(whole.subarray(0, -1))
  await wire.until(/not read/)
  wire.socket.write(Buffer.of((whole.at(-1) ?? 0) ^ 1))
  await ended.promise
})
