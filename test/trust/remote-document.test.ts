import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { CountersignError, type ErrorDetail } from '../../src/core/errors.ts'
import type { NoticeType } from '../../src/core/notice.ts'
import { createFakeClock } from '../../src/testing/fake-clock.ts'
import { RemoteDocument } from '../../src/trust/remote-document.ts'
import type { FollowOptions } from '../../src/trust/remote-options.ts'
import { refusal, refusalOf } from '../core/refusal.ts'
import { answering, hanging, type KeyServer, keyServer, until } from './key-server.ts'

const NOW = 1_800_000_000_000
let server: KeyServer
let folder: string
const open: { close(): void }[] = []
beforeEach(async () => {
  server = await keyServer()
  folder = await mkdtemp(join(tmpdir(), 'countersign-'))
})
afterEach(async () => {
  for (const one of open.splice(0)) one.close()
  await server.close()
  await rm(folder, { recursive: true })
})

function readNumber(json: unknown): number {
  if (typeof json === 'number') return json
  throw new CountersignError('trust-invalid', { detail: { fix: 'give a number' } })
}

function follow(options: FollowOptions = {}, nowMs = NOW, locate?: (json: unknown) => URL) {
  const clock = createFakeClock(nowMs)
  const notices: (readonly [NoticeType, ErrorDetail | undefined])[] = []
  const follower = {
    clock,
    report: (type: NoticeType, detail?: ErrorDetail) => void notices.push([type, detail]),
    // Time passes by the clock alone.
    schedule: () => ({ cancel() {}, unref() {} }),
  }
  let changes = 0
  const kind = { url: new URL(server.url), parse: readNumber, ...(locate === undefined ? {} : { locate }) }
  const document = new RemoteDocument(kind, options, follower, () => changes++)
  open.push(document)
  return { clock, notices, document, changes: () => changes, types: () => notices.map(([type]) => type) }
}

const served = (value: unknown) => server.serve(value)
const settled = () => new Promise((resolve) => setTimeout(resolve, 60))

describe('a document at a URL', () => {
  it('is fetched once, however many wait for it', async () => {
    served(1)
    const { document } = follow()
    expect(await Promise.all(Array.from({ length: 100 }, () => document.latest()))).toEqual(Array(100).fill(1))
    expect(server.asked()).toBe(1)
    expect(document.generation).toBe(1)
  })

  it('is fetched anew in the background when its time has come, and counts versions', async () => {
    served(1)
    const { document, clock, changes } = follow({ refreshSeconds: 60 })
    await document.latest()
    served(2)
    clock.advance(40)
    expect(document.current()).toBe(1)
    await settled()
    expect(server.asked()).toBe(1)
    clock.advance(21)
    expect(document.current()).toBe(1)
    await until(() => document.generation === 2)
    expect(document.current()).toBe(2)
    expect(changes()).toBe(2)
  })

  it('is asked for by its tag only where it has that tag', async () => {
    const tags: unknown[] = []
    let place = 'a'
    let isDown = false
    server.behave((request, response) => {
      const isDocument = request.url !== '/jwks'
      if (isDocument) tags.push([request.url, request.headers['if-none-match']])
      response.writeHead(isDown ? 503 : 200, { etag: '"1"' }).end(isDocument ? '1' : JSON.stringify(place))
    })
    const locate = (json: unknown) => new URL(`/${String(json)}`, server.origin)
    const { document, clock } = follow({ refreshSeconds: 60 }, NOW, locate)
    const again = async (seconds: number) => {
      const before = tags.length
      clock.advance(seconds)
      document.current()
      await until(() => tags.length > before)
      await settled()
    }
    await document.latest()
    await again(61)
    isDown = true
    await again(61)
    isDown = false
    place = 'b'
    await again(10)
    expect(tags).toEqual([
      ['/a', undefined],
      ['/a', '"1"'],
      ['/a', '"1"'],
      ['/b', undefined],
    ])
  })

  it('the same document again is no new version', async () => {
    served({ valueOf: 1 })
    served(1)
    const { document, clock } = follow({ refreshSeconds: 60 })
    await document.latest()
    clock.advance(61)
    document.current()
    await until(() => server.asked() === 2)
    await settled()
    expect(document.generation).toBe(1)
  })

  it('obeys the cache headers within bounds', async () => {
    for (const [header, early, late] of [
      ['max-age=1', 23, 31],
      ['max-age=100', 79, 101],
      ['max-age=1000000', 719, 901],
      ['no-store', 23, 31],
    ] as const) {
      server.serve(1, { 'cache-control': header })
      const { document, clock } = follow()
      await document.latest()
      const before = server.asked()
      clock.advance(early)
      document.current()
      await settled()
      expect([header, server.asked()]).toEqual([header, before])
      clock.advance(late - early)
      document.current()
      await until(() => server.asked() === before + 1)
    }
  })

  it('nothing is judged by a document that was never had', async () => {
    const { document } = follow()
    expect(refusal(() => document.current()).detail.step).toBe('never-fetched')
    const error = await refusalOf(() => document.latest())
    expect([error.code, error.status]).toEqual(['trust-unavailable', 503])
  })

  it('nothing is judged by a document that its server has not confirmed for longer than the bound', async () => {
    served(1)
    const { document, clock, types } = follow({ maxStaleSeconds: 600 })
    await document.latest()
    server.behave(answering(503))
    clock.advance(600)
    expect(document.current()).toBe(1)
    await until(() => types().includes('trust.unreachable'))
    clock.advance(1)
    for (let i = 0; i < 10; i++) expect(refusal(() => document.current()).detail.step).toBe('stale')
    expect(types()).toEqual(['trust.unreachable', 'trust.stale'])
  })

  it('says once that its server fails, and how often older keys were used, when it is back', async () => {
    served(1)
    const { document, clock, notices } = follow({ refreshSeconds: 60 })
    await document.latest()
    server.behave(answering(500))
    clock.advance(61)
    document.current()
    await until(() => notices.length === 1)
    for (let i = 0; i < 7; i++) document.current()
    served(1)
    clock.advance(10)
    document.current()
    await until(() => notices.length === 2)
    expect(notices).toEqual([
      ['trust.unreachable', { option: server.url, step: 'status' }],
      ['trust.recovered', { option: server.url, count: 8 }],
    ])
  })

  it('a server that fails is asked at most once in five seconds, and less often each time', async () => {
    const { document, clock } = follow()
    await refusalOf(() => document.latest())
    const asked: number[] = []
    for (let second = 0; second < 600; second++) {
      clock.advance(1)
      const before = server.asked()
      refusal(() => document.current())
      await new Promise((resolve) => setImmediate(resolve))
      await new Promise((resolve) => setTimeout(resolve, 1))
      if (server.asked() > before) asked.push(second)
    }
    expect(asked[0]).toBeGreaterThanOrEqual(4)
    const gaps = asked.slice(1).map((second, index) => second - (asked[index] as number))
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(5)
    expect(asked.length).toBeLessThan(9)
  })

  it('a broken version changes nothing, and the trail says why', async () => {
    served(1)
    const { document, clock, notices } = follow({ refreshSeconds: 60 })
    await document.latest()
    served('two')
    clock.advance(61)
    document.current()
    await until(() => notices.length === 1)
    expect(document.current()).toBe(1)
    expect(notices).toEqual([['trust.rejected', { fix: 'give a number', option: server.url }]])
  })
})

describe('what is asked for and not known', () => {
  it('is looked for at once', async () => {
    served(1)
    const { document, clock } = follow()
    await document.latest()
    served(2)
    clock.advance(31)
    expect(await document.renew()).toBe(true)
    expect(document.current()).toBe(2)
  })

  it('names of keys that nobody knows lead to one fetch in each cooldown', async () => {
    served(1)
    const { document, clock } = follow()
    await document.latest()
    for (let round = 1; round <= 3; round++) {
      clock.advance(30)
      await Promise.all(Array.from({ length: 1000 }, () => document.renew()))
      expect(server.asked()).toBe(1 + round)
    }
  })

  it('a document that is not followed any more is not fetched', async () => {
    served(1)
    const { document, clock } = follow({ refreshSeconds: 60 })
    await document.latest()
    document.close()
    clock.advance(120)
    expect(await document.renew()).toBe(false)
    expect(document.current()).toBe(1)
    await settled()
    expect(server.asked()).toBe(1)
  })

  it('is not looked for while the server fails', async () => {
    served(1)
    const { document, clock, types } = follow({ refreshSeconds: 60 })
    await document.latest()
    server.behave(answering(503))
    clock.advance(61)
    document.current()
    await until(() => types().length === 1)
    const before = server.asked()
    expect(await document.renew()).toBe(false)
    expect(server.asked()).toBe(before)
  })

  it('nobody waits for a server that hangs', async () => {
    served(1)
    const { document, clock } = follow({ refreshSeconds: 60 })
    await document.latest()
    server.behave(hanging)
    clock.advance(61)
    const began = performance.now()
    for (let i = 0; i < 100; i++) expect(document.current()).toBe(1)
    expect(performance.now() - began).toBeLessThan(500)
    expect(await document.renew()).toBe(false)
    const later = performance.now()
    expect(await document.renew()).toBe(false)
    expect(performance.now() - later).toBeLessThan(500)
  })
})

describe('a snapshot', () => {
  const path = () => join(folder, 'keys.json')

  it('starts a process while the server is down, and counts its age', async () => {
    served(7)
    const first = follow({ snapshot: path() })
    await first.document.latest()
    await until(() => first.changes() === 1)
    expect((await stat(path())).mode & 0o777).toBe(0o600)
    server.behave(answering(503))
    const second = follow({ snapshot: path() }, NOW + 3_599_000)
    expect(await second.document.latest()).toBe(7)
    second.clock.advance(2)
    expect(second.document.isStale).toBe(true)
    expect(refusal(() => second.document.current()).detail.step).toBe('stale')
    expect(await second.document.latest()).toBe(7)
  })

  it('a snapshot that is older than what is held may be is not taken', async () => {
    await writeFile(path(), JSON.stringify({ v: 1, url: server.url, confirmedAt: NOW - 3_600_001, document: 7 }))
    const { document } = follow({ snapshot: path() })
    expect((await refusalOf(() => document.latest())).detail.step).toBe('stale')
    expect(document.isStale).toBe(true)
    expect(refusal(() => document.current()).detail.step).toBe('never-fetched')
  })

  it('a snapshot that is none, or one of another URL, is not taken', async () => {
    const good = { v: 1, url: server.url, confirmedAt: NOW, document: 7 }
    for (const bad of [
      '{',
      '7',
      JSON.stringify({ ...good, v: 2 }),
      JSON.stringify({ ...good, url: 'http://127.0.0.1/other' }),
      JSON.stringify({ ...good, confirmedAt: 'now' }),
      JSON.stringify({ v: 1, url: server.url, confirmedAt: NOW }),
    ]) {
      await writeFile(path(), bad)
      const { document } = follow({ snapshot: path() })
      expect((await refusalOf(() => document.latest())).detail.step).toBe('never-fetched')
    }
    await writeFile(path(), JSON.stringify(good))
    expect(await follow({ snapshot: path() }).document.latest()).toBe(7)
  })

  it('a snapshot from the future is not taken', async () => {
    await writeFile(path(), JSON.stringify({ v: 1, url: server.url, confirmedAt: NOW + 600_000, document: 7 }))
    const { document } = follow({ snapshot: path() })
    expect((await refusalOf(() => document.latest())).detail.step).toBe('never-fetched')
  })

  it('that cannot be written is told, and fails nothing', async () => {
    served(7)
    const { document, types } = follow({ snapshot: join(folder, 'missing', 'keys.json') })
    expect(await document.latest()).toBe(7)
    expect(types()).toEqual(['trust.rejected'])
    await expect(readFile(join(folder, 'missing', 'keys.json'))).rejects.toThrow()
  })
})
