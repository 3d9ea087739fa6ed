import { createServer, type IncomingMessage, request as send } from 'node:http'
import { Readable, type Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { listen, type Service } from './servers.ts'

/** What a proxy makes of a body on its way. */
export type Change = (body: AsyncIterable<Buffer>) => AsyncIterable<Buffer>

/** A proxy that passes heads on as they are, and of each body what it likes. */
export interface StreamProxy extends Service {
  up: Change
  down: Change
}

const asItIs: Change = (body) => body

export async function startProxy(target: Service): Promise<StreamProxy> {
  const proxy = { up: asItIs, down: asItIs }
  const server = createServer((req, res) => {
    const { method, url: path, rawHeaders: headers } = req
    const onward = send({ host: '127.0.0.1', port: target.port, method, path, headers: headers as never, agent: false })
    const drop = () => {
      onward.destroy()
      req.destroy()
      res.destroy()
    }
    res.on('close', () => {
      if (!res.writableFinished) drop()
    })
    onward.on('error', drop)
    onward.on('close', () => {
      if (!res.headersSent) drop()
    })
    onward.on('response', (answer) => {
      res.writeHead(answer.statusCode ?? 502, withoutLength(answer))
      res.flushHeaders()
      pass(answer, { through: proxy.down, to: res }).catch(drop)
    })
    pass(req, { through: proxy.up, to: onward }).catch(drop)
  })
  const service = await listen(server)
  return Object.assign(proxy, service)
}

/** What has another length now is sent in chunks. */
function withoutLength({ rawHeaders }: IncomingMessage): string[] {
  const kept: string[] = []
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    if (!/^(content-length|transfer-encoding|connection|keep-alive)$/i.test(`${rawHeaders[i]}`))
      kept.push(`${rawHeaders[i]}`, `${rawHeaders[i + 1]}`)
  }
  return kept
}

function pass(from: IncomingMessage, { through, to }: { through: Change; to: Writable }): Promise<void> {
  return pipeline(Readable.from(through(from), { objectMode: false }), to)
}

async function gather(body: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const part of body) parts.push(part)
  return Buffer.concat(parts)
}

/** Lets so many bytes pass and ends there, as if that were all. */
export const endAt = (length: number): Change =>
  async function* (body) {
    let left = length
    for await (const part of body) {
      // The rest is read, and thrown away.
      if (left > 0) yield part.subarray(0, left)
      left -= Math.min(left, part.length)
    }
  }

/** Lets so many bytes pass and closes the connection. */
export const breakAt = (length: number): Change =>
  async function* (body) {
    let left = length
    for await (const part of body) {
      yield part.subarray(0, left)
      left -= part.length
      if (left <= 0) throw new Error('cut')
    }
  }

/** Makes something else of a whole body. */
export const rewrite = (change: (body: Buffer) => Buffer): Change =>
  async function* (body) {
    const all = change(await gather(body))
    for (let at = 0; at < all.length; at += 65_536) yield all.subarray(at, at + 65_536)
  }

/** A body that is taken apart into its header and its chunks as they were sealed. */
export interface Apart {
  readonly header: Buffer
  readonly chunks: Buffer[]
}

const SEALED_CHUNK = 262_160

/** Takes an envelope of large chunks with one recipient apart. */
export function apart(body: Buffer): Apart {
  const headerBytes = 8 + 3 + body.readUInt16BE(9) + 24 + 32 + 32
  const chunks: Buffer[] = []
  for (let at = headerBytes; at < body.length; at += SEALED_CHUNK) chunks.push(body.subarray(at, at + SEALED_CHUNK))
  return { header: body.subarray(0, headerBytes), chunks }
}

/** Puts one together again. */
export function together({ header, chunks }: Apart): Buffer {
  return Buffer.concat([header, ...chunks])
}
