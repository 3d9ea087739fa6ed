import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { runtimeFetch } from '../../src/workload/runtime-fetch.ts'

const server = createServer((req, res) => {
  if (req.url === '/moved') res.writeHead(302, { location: '/' }).end()
  else if (req.method === 'GET') res.end('got')
  // As slow as the one who reads it: a sender without back-pressure is far ahead of it.
  else
    req.once('readable', () => {
      const chunk: Buffer | null = req.read()
      setTimeout(() => res.end(String(chunk?.length)), 300)
    })
})
let origin: string

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})

const streaming = (body: ReadableStream<Uint8Array>) =>
  ({ method: 'POST', body, duplex: 'half', redirect: 'manual' }) as RequestInit

it('reads a stream no faster than it can be sent', async () => {
  let asked = 0
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        asked++
        controller.enqueue(new Uint8Array(65_536))
      },
    },
    { highWaterMark: 0 },
  )
  const answer = await runtimeFetch(origin, streaming(body))
  await answer.text().catch(() => undefined)
  // What the two sockets hold, and no more.
  expect(asked * 65_536).toBeLessThan(32 * 1_048_576)
})

it('gives redirects as they are, but where a stream was sent', async () => {
  expect((await runtimeFetch(`${origin}/moved`, { redirect: 'manual' })).status).toBe(302)
  const body = new Blob(['x']).stream()
  await expect(runtimeFetch(`${origin}/moved`, streaming(body))).rejects.toThrow(TypeError)
  expect(await (await runtimeFetch(origin, {})).text()).toBe('got')
})
