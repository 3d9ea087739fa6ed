import { createServer } from 'node:http'
import { connect } from 'node:net'
import compression from 'compression'
import express from 'express'
import multer from 'multer'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { callOf } from '../../src/adapters/call-of.ts'
import { guard } from '../../src/adapters/express.ts'
import type { Workload } from '../../src/flow/workload.ts'
import { allowAuthenticated } from '../../src/policy/allow-authenticated.ts'
import { definePolicy } from '../../src/policy/define-policy.ts'
import type { WorkloadOptions } from '../../src/workload/workload-options.ts'
import { type SocketDomain, socketDomain } from '../journeys/domain.ts'
import { listen, type Service } from '../journeys/servers.ts'
import { EventLog } from './event-log.ts'
import { latch, Wire } from './sockets.ts'

const policy = allowAuthenticated()
const json = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"a":1}' }

describe('an Express app behind a guard', () => {
  let world: SocketDomain
  let service: Service | undefined
  let written: EventLog

  beforeEach(async () => {
    written = new EventLog()
    world = await socketDomain({ audit: written })
  })
  afterEach(async () => {
    await service?.close()
    service = undefined
  })

  async function start(
    build: (app: express.Express) => void,
    overrides: Partial<WorkloadOptions> = {},
  ): Promise<{ at: string; orders: Workload }> {
    const app = express()
    app.set('env', 'test')
    build(app)
    service = await listen(createServer(app))
    return { at: service.origin, orders: await world.caller('orders', service.origin, overrides) }
  }

  it('a request whose body somebody read before the guard is refused by name', async () => {
    const errors: unknown[] = []
    let ran = false
    const build = (app: express.Express) => {
      app.use(express.json())
      app.use(guard(world.ledger, { policy }))
      app.post('/entries', (_req, res) => {
        ran = true
        res.end()
      })
      app.use(((error, _req, res, _next) => {
        errors.push(error)
        res.status(500).end()
      }) as express.ErrorRequestHandler)
    }
    const { at, orders } = await start(build, { sessions: false })
    await expect(orders.fetch(`${at}/entries`, json)).rejects.toMatchObject({ code: 'answer-unsigned' })
    expect(errors).toMatchObject([
      { code: 'body-read-before-guard', message: expect.stringContaining('before body parsers') },
    ])
    expect(ran).toBe(false)
  })

  it('what a second guard on a route denies is refused', async () => {
    const only = definePolicy({
      version: 1,
      rules: [{ id: 'billing', effect: 'allow', from: ['spiffe://acme.test/billing'], to: ['* /*'] }],
    })
    const { at, orders } = await start((app) => {
      app.use(guard(world.ledger, { policy }))
      app.get('/admin', guard(world.ledger, { policy: only }), (_req, res) => res.send('secret'))
      app.get('/open', guard(world.ledger, { policy }), (_req, res) => res.send('fine'))
    })
    expect((await orders.fetch(`${at}/admin`)).status).toBe(403)
    expect(await (await orders.fetch(`${at}/open`)).text()).toBe('fine')
    const billing = await world.caller('billing', at)
    expect(await (await billing.fetch(`${at}/admin`)).text()).toBe('secret')
  })

  it('serves mounted routers, whose URLs the framework rewrites', async () => {
    const { at, orders } = await start((app) => {
      const inner = express.Router()
      inner.use(guard(world.ledger, { policy }))
      inner.get('/deep/thing', (req, res) => res.json({ url: req.url, base: req.baseUrl, from: callOf(req).peer.id }))
      app.use('/v1', inner)
    })
    const answer = await orders.fetch(`${at}/v1/deep/thing?x=1`)
    expect(await answer.json()).toEqual({ url: '/deep/thing?x=1', base: '/v1', from: orders.id })
    const found = await orders.fetch(`${at}/v1/.well-known/countersign`)
    expect(await found.json()).toMatchObject({ v: 1, seal: false })
  })

  it('serves multipart uploads, sealed or not', async () => {
    const { at, orders } = await start((app) => {
      app.use(guard(world.ledger, { policy }))
      app.post('/upload', multer().single('file'), (req, res) =>
        res.json({ size: req.file?.size, note: (req.body as { note: string }).note }),
      )
    })
    for (const seal of ['never', 'always'] as const) {
      const form = new FormData()
      form.set('note', 'n')
      form.set('file', new Blob([new Uint8Array(70_000)]), 'a.bin')
      const answer = await orders.fetch(`${at}/upload`, { method: 'POST', body: form, countersign: { seal } })
      expect(await answer.json()).toEqual({ size: 70_000, note: 'n' })
    }
  })

  it('takes compressed bodies, and keeps compression away from signed answers', async () => {
    const { gzipSync } = await import('node:zlib')
    const { at, orders } = await start((app) => {
      app.use(compression({ threshold: 0 }))
      app.use(guard(world.ledger, { policy }))
      app.use(express.json())
      app.post('/entries', (req, res) => res.json({ got: req.body as unknown, pad: 'x'.repeat(5_000) }))
    })
    const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' }
    const answer = await orders.fetch(`${at}/entries`, {
      method: 'POST',
      headers,
      body: gzipSync('{"a":1}'),
      countersign: { seal: 'never' },
    })
    expect(((await answer.json()) as { got: unknown }).got).toEqual({ a: 1 })
  })

  it('lets the call go on where the handler waits for the network', async () => {
    const { at, orders } = await start((app) => {
      app.use(guard(world.ledger, { policy }))
      app.get('/slow', (_req, res) => setImmediate(() => setImmediate(() => res.send('done'))))
    })
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => orders.fetch(`${at}/slow`).then((answer) => answer.text())),
    )
    expect(new Set(answers)).toEqual(new Set(['done']))
  })

  it('writes one event for a caller who leaves while its body is read', async () => {
    let ran = false
    const reading = latch()
    const { orders } = await start((app) => {
      app.use((req, _res, next) => {
        req.on('newListener', (name) => name === 'readable' && reading.open())
        next()
      })
      app.use(guard(world.ledger, { policy }))
      app.post('/entries', (_req, res) => {
        ran = true
        res.end()
      })
    })
    const sent: { url: string; init: RequestInit }[] = []
    const tapped = await world.caller('orders', service?.origin ?? '', {
      sessions: false,
      transport: async (url, init) => {
        sent.push({ url, init })
        throw new TypeError('kept')
      },
    })
    await tapped
      .fetch(`${service?.origin}/entries`, { ...json, body: 'x'.repeat(1000), countersign: { seal: 'never' } })
      .catch(() => undefined)
    const init = sent[0]?.init ?? {}
    const headers = Object.fromEntries(new Headers(init.headers))
    const port = Number(new URL(service?.origin ?? '').port)
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
    const wire = new Wire(port).send(
      `POST /entries HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n${lines.join('')}\r\n${'x'.repeat(10)}`,
    )
    await reading.promise
    wire.socket.destroy()
    await written.until(1)
    await world.ledger.audit.flush()
    expect(written.calls).toMatchObject([{ code: 'transport-failed', effect: 'deny' }])
    expect(ran).toBe(false)
    expect(orders.health().ok).toBe(true)
  })

  it('refuses requests that no framework would mind', async () => {
    const { at } = await start((app) => {
      app.use(
        guard(world.ledger, {
          policy: definePolicy({
            version: 1,
            rules: [{ id: 'a', effect: 'allow', from: ['anonymous'], to: ['* /*'] }],
          }),
        }),
      )
      app.use((_req, res) => {
        res.end('ran')
      })
    })
    const port = Number(new URL(at).port)
    const raw = (head: string) =>
      new Promise<string>((resolve, reject) => {
        const socket = connect(port, '127.0.0.1', () => socket.end(head))
        let text = ''
        socket.on('data', (chunk) => {
          text += chunk.toString()
        })
        socket.on('end', () => resolve(text))
        socket.on('error', reject)
      })
    for (const target of ['/a/../b', '/a%2fb', '/%2e%2e/b', '//a', '/a%252fb', '/a\\b', 'http://evil.test/a']) {
      const answer = await raw(`GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
      expect(answer.split('\r\n')[0], target).toBe('HTTP/1.1 400 Bad Request')
      expect(answer).not.toContain('ran')
    }
    expect(await raw('GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')).toContain('ran')
  })
})
