import { request as httpRequest } from 'node:http'
import express from 'express'
import { describe, expect, it } from 'vitest'
import { readBody } from '../../src/adapters/node-body.ts'
import { sendNow } from '../../src/adapters/node-send.ts'
import { utf8 } from '../../src/core/bytes.ts'
import { Fields } from '../../src/core/message.ts'
import { servers, Wire } from './sockets.ts'

const serve = servers()
const tooLarge = { status: 413, fields: new Fields(['X-Problem', 'too large']), body: utf8('<refused>') }

describe('an answer is sent at once', () => {
  it('with its fields and no others, each as often as it is given', async () => {
    const app = express()
    app.use((_req, res) => {
      res.setHeader('X-Earlier', 'gone').setHeader('Date', 'gone')
      const cookies = ['Set-Cookie', 'a=1', 'set-cookie', 'b=2', 'X-Own', '1', 'X-Own', '2']
      sendNow(res, { status: 202, fields: new Fields([...cookies, 'Transfer-Encoding', 'chunked']), body: utf8('ü') })
    })
    const { port } = await serve(app)
    const wire = new Wire(port).send('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    const [head = '', body] = (await wire.closed()).split('\r\n\r\n')
    const lines = head.split('\r\n').filter((line) => !line.startsWith('Date: '))
    expect(lines).toEqual([
      'HTTP/1.1 202 Accepted',
      'Set-Cookie: a=1',
      'Set-Cookie: b=2',
      'X-Own: 1',
      'X-Own: 2',
      'Content-Length: 2',
      'Connection: close',
    ])
    expect(head).toMatch(/Date: \w{3}, /)
    expect(body).toBe('\xc3\xbc')
  })

  it.each([
    ['GET', 200, undefined, '0'],
    ['GET', 204, utf8('none'), undefined],
    ['GET', 304, utf8('none'), '7'],
    ['HEAD', 200, utf8('none'), '7'],
  ])('to %s with %i: the length fits', async (method, status, body, length) => {
    const { port } = await serve((_req, res) =>
      sendNow(res, { status, fields: new Fields(['Content-Length', '7']), body }),
    )
    const wire = new Wire(port).send(`${method} / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
    const [head = '', rest] = (await wire.closed()).split('\r\n\r\n')
    expect(/^content-length: (.*)$/im.exec(head)?.[1]).toBe(length)
    expect(rest).toBe('')
  })

  it('reads past a short body, and the connection goes on', async () => {
    const { port } = await serve((_req, res) => sendNow(res, tooLarge))
    const wire = new Wire(port)
    for (let i = 0; i < 3; i++) {
      wire.send(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n${'x'.repeat(60_000)}`)
      await wire.until(new RegExp(`(<refused>[\\s\\S]*){${i + 1}}`))
    }
    expect(await wire.until(/refused/)).not.toMatch(/connection: close/i)
    wire.socket.destroy()
  })

  it('reads past a short body that was begun and given up', async () => {
    const { port } = await serve(async (req, res) => {
      const controller = new AbortController()
      const reading = readBody(req, { maxBytes: 50_000, signal: controller.signal }).catch(() => undefined)
      controller.abort()
      await reading
      sendNow(res, tooLarge)
    })
    const wire = new Wire(port).send(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 40000\r\n\r\nx`)
    await wire.until(/<refused>/)
    wire.send(`${'x'.repeat(39_999)}POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx`)
    expect((await wire.closed()).match(/<refused>/g)).toHaveLength(2)
  })

  it.each([
    ['announced', { 'content-length': 5_000_000 }],
    ['in chunks', { 'transfer-encoding': 'chunked' }],
  ])('before a long body %s has arrived, and the caller can read it', async (_name, headers) => {
    const { origin } = await serve(async (req, res) => {
      expect(await readBody(req, { maxBytes: 1000 })).toBe('too-large')
      sendNow(res, tooLarge)
    })
    const seen = await new Promise((resolve, reject) => {
      const req = httpRequest(origin, { method: 'POST', headers, agent: false }, (res) => {
        let text = ''
        res.on('data', (chunk) => {
          text += String(chunk)
        })
        res.on('end', () => {
          resolve([res.statusCode, res.headers.connection, text])
          req.destroy()
        })
      })
      req.on('error', reject)
      req.end(Buffer.alloc(5_000_000))
    })
    expect(seen).toEqual([413, 'close', '<refused>'])
  })

  it('before a long body has arrived, through fetch', async () => {
    const { origin } = await serve(async (req, res) => {
      await readBody(req, { maxBytes: 1000 })
      sendNow(res, tooLarge)
    })
    for (let i = 0; i < 5; i++) {
      const answer = await fetch(origin, { method: 'POST', body: new Uint8Array(3_000_000) })
      expect([answer.status, await answer.text()]).toEqual([413, '<refused>'])
    }
  })

  it('and closes once a long body has arrived after all', async () => {
    const { port } = await serve((_req, res) => sendNow(res, { ...tooLarge, body: undefined }))
    const wire = new Wire(port).send('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 70000\r\n\r\n')
    await wire.until(/413[\s\S]*\r\n\r\n/)
    wire.send('x'.repeat(70_000))
    expect(await wire.closed()).toMatch(/connection: close/i)
  })
})
