import { createServer, type RequestListener } from 'node:http'
import { connect } from 'node:net'
import { Readable } from 'node:stream'
import { afterEach, describe, expect, it } from 'vitest'
import { type CapturedAnswer, captureAnswer } from '../../src/adapters/node-response.ts'
import { utf8 } from '../../src/core/bytes.ts'
import { Fields } from '../../src/core/message.ts'
import { listen, type Service } from '../journeys/servers.ts'

type Finish = (answer: CapturedAnswer | { tooLarge: true }) => CapturedAnswer

describe('an answer is held back as a whole', () => {
  let service: Service | undefined
  afterEach(async () => {
    await service?.close()
    service = undefined
  })

  async function start(
    handler: RequestListener,
    finish: Finish = (answer) => answer as CapturedAnswer,
    onAborted: () => void = () => undefined,
  ): Promise<string> {
    const server = createServer((req, res) => {
      captureAnswer(res, { maxBytes: 1000, finish, onAborted })
      handler(req, res)
    })
    service = await listen(server)
    return service.origin
  }

  it('an answer that could not be finished never leaves as the handler gave it', async () => {
    const at = await start(
      (_req, res) => {
        res.setHeader('x-secret', 'yes')
        res.end('secret')
      },
      () => {
        throw new Error('cannot sign')
      },
    )
    const { port } = new URL(at)
    const seen = await new Promise<string>((resolve) => {
      const socket = connect(Number(port), '127.0.0.1', () => socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'))
      let text = ''
      socket.on('data', (chunk) => {
        text += chunk.toString()
      })
      socket.on('error', () => undefined)
      socket.on('close', () => resolve(text))
    })
    expect(seen).toBe('')
  })

  it('hands over status, fields and bytes, however the handler wrote them', async () => {
    const handed: (CapturedAnswer | { tooLarge: true })[] = []
    const at = await start(
      (req, res) => {
        res.setHeader('x-one', '1')
        if (req.url === '/object') res.writeHead(201, 'Made', { 'x-two': '2' }).end('a')
        else if (req.url === '/flat') res.writeHead(201, ['x-two', '2', 'x-two', '3']).end('61', 'hex')
        else if (req.url === '/pieces') {
          res.write('a')
          res.write(Buffer.from('b'))
          res.end()
        } else Readable.from(['a', 'b', 'c']).pipe(res)
      },
      (answer) => {
        handed.push(answer)
        return answer as CapturedAnswer
      },
    )
    const texts = await Promise.all(
      ['/object', '/flat', '/pieces', '/pipe'].map(async (path) => (await fetch(at + path)).text()),
    )
    expect(texts).toEqual(['a', 'a', 'ab', 'abc'])
    const statuses = handed.map((answer) => ('tooLarge' in answer ? 0 : answer.status)).sort()
    expect(statuses).toEqual([200, 200, 201, 201])
  })

  it('sends what it is given back, cookies apart', async () => {
    const fields = new Fields(['set-cookie', 'a=1', 'set-cookie', 'b=2', 'x-signed', 'yes'])
    const at = await start(
      (_req, res) => res.end('mine'),
      () => ({ status: 202, fields, body: utf8('signed') }),
    )
    const answer = await fetch(at)
    expect([answer.status, await answer.text(), answer.headers.get('x-signed')]).toEqual([202, 'signed', 'yes'])
    expect(answer.headers.getSetCookie()).toEqual(['a=1', 'b=2'])
  })

  it('tells of an answer that is too large or has no end, and swallows the rest', async () => {
    const at = await start(
      (req, res) => {
        if (req.url === '/events') {
          res.setHeader('content-type', 'text/event-stream')
          res.flushHeaders()
        } else for (let i = 0; i < 3; i++) res.write('x'.repeat(600))
      },
      (answer) => {
        expect(answer).toEqual({ tooLarge: true })
        return { status: 501, fields: new Fields([]), body: undefined }
      },
    )
    expect((await fetch(`${at}/large`)).status).toBe(501)
    expect((await fetch(`${at}/events`)).status).toBe(501)
  })

  it('tells once of a caller who left, and sends nothing', async () => {
    let aborted = 0
    let finished = 0
    let late: (() => void) | undefined
    const gone = new Promise<void>((resolve) => {
      void start(
        (_req, res) => {
          late = () => res.end('too late')
          controller.abort()
        },
        (answer) => {
          finished++
          return answer as CapturedAnswer
        },
        () => {
          aborted++
          resolve()
        },
      ).then((at) => fetch(at, { signal: controller.signal }).catch(() => undefined))
    })
    const controller = new AbortController()
    await gone
    late?.()
    expect([aborted, finished]).toEqual([1, 0])
  })
})
