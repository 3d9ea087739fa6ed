import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fetchDocument, maxAgeOf } from '../../src/trust/document-fetch.ts'
import { refusalOf } from '../core/refusal.ts'
import { answering, hanging, type KeyServer, keyServer } from './key-server.ts'

let server: KeyServer
let other: KeyServer
beforeAll(async () => {
  server = await keyServer()
  other = await keyServer()
})
afterAll(async () => {
  await server.close()
  await other.close()
})

const get = (more: { etag?: string; signal?: AbortSignal } = {}) =>
  fetchDocument({
    url: new URL(server.url),
    etag: more.etag,
    maxBytes: 1000,
    signal: more.signal ?? AbortSignal.timeout(5_000),
    fetch,
  })
const stepOf = async (attempt: () => unknown) => {
  const { code, detail } = await refusalOf(attempt)
  return `${code} ${detail.step}`
}

describe('fetching a document', () => {
  it('gives JSON, the name of its version and how long it holds', async () => {
    server.serve({ keys: [] }, { etag: '"1"', 'cache-control': 'public, max-age=120' })
    expect(await get()).toEqual({ json: { keys: [] }, etag: '"1"', maxAgeSeconds: 120 })
  })

  it('says that the version at hand is still the newest', async () => {
    server.behave((request, response) => {
      response.writeHead(request.headers['if-none-match'] === '"1"' ? 304 : 200).end()
    })
    expect(await get({ etag: '"1"' })).toBe('same')
  })

  it('a document that is answered with another status than 200 is not taken', async () => {
    for (const status of [201, 204, 304, 401, 404, 500, 503]) {
      server.behave(answering(status))
      expect(await stepOf(() => get())).toBe('trust-unavailable status')
    }
  })

  it('a redirect to another origin than the one configured is not followed', async () => {
    other.serve({ keys: [] })
    for (const location of [other.url, 'https://127.0.0.1/jwks', '//127.0.0.2/jwks', 'http://[']) {
      server.behave(answering(302, '', { location }))
      expect(await stepOf(() => get())).toBe('trust-unavailable redirect')
    }
    expect(other.asked()).toBe(0)
  })

  it('follows a redirect within the origin', async () => {
    server.behave((request, response) => {
      if (request.url === '/jwks') response.writeHead(308, { location: '/new' }).end()
      else response.writeHead(200).end('{}')
    })
    expect(await get()).toMatchObject({ json: {} })
  })

  it('more than three redirects are not followed', async () => {
    const before = server.asked()
    server.behave(answering(307, '', { location: '/jwks' }))
    expect(await stepOf(() => get())).toBe('trust-unavailable redirect')
    expect(server.asked() - before).toBe(4)
  })

  it('a document that is larger than the limit is not taken', async () => {
    server.behave(answering(200, `"${'a'.repeat(999)}"`))
    expect(await stepOf(() => get())).toBe('trust-unavailable size')
    server.behave((_request, response) => {
      const more = () => void (response.write('a'.repeat(400)) && setTimeout(more, 5))
      more()
    })
    expect(await stepOf(() => get())).toBe('trust-unavailable size')
  })

  it('a document that is not JSON in UTF-8 is not taken', async () => {
    for (const body of ['{', '', '{"a":1}x', Buffer.from([0x22, 0xff, 0x22]) as unknown as string]) {
      server.behave((_request, response) => void response.writeHead(200).end(body))
      expect(await stepOf(() => get())).toBe('trust-unavailable json')
    }
  })

  it('tells a server that hangs from one that is not there', async () => {
    server.behave(hanging)
    expect(await stepOf(() => get({ signal: AbortSignal.timeout(50) }))).toBe('trust-unavailable timeout')
    server.behave((request) => void request.socket.destroy())
    expect(await stepOf(() => get())).toBe('trust-unavailable network')
    server.behave((request, response) => {
      response.writeHead(200, { 'content-length': '10' }).write('{"a"')
      setTimeout(() => request.socket.destroy(), 20)
    })
    expect(await stepOf(() => get())).toBe('trust-unavailable network')
  })
})

describe('Cache-Control', () => {
  it.each([
    [null, undefined],
    ['', undefined],
    ['max-age=60', 60],
    ['public, MAX-AGE=60, must-revalidate', 60],
    ['max-age="60"', 60],
    ['max-age=60, no-store', 0],
    ['no-cache', 0],
    ['max-age=-1', undefined],
    ['max-age=1e9', undefined],
    ['s-maxage=10', undefined],
  ])('%s gives %s', (field, seconds) => {
    expect(maxAgeOf(field)).toBe(seconds)
  })
})
