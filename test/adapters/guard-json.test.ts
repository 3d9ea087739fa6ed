import { createServer } from 'node:http'
import express from 'express'
import express4 from 'express4'
import Koa from 'koa'
import bodyParser from 'koa-bodyparser'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { guard } from '../../src/adapters/express.ts'
import { guard as guardKoa } from '../../src/adapters/koa.ts'
import type { Workload } from '../../src/flow/workload.ts'
import { allowAuthenticated } from '../../src/policy/allow-authenticated.ts'
import { type SocketDomain, socketDomain } from '../journeys/domain.ts'
import { listen, type Service } from '../journeys/servers.ts'

const options = { policy: allowAuthenticated(), json: true }
const headers = { 'content-type': 'application/json' }

describe('a guard that parses JSON', () => {
  let world: SocketDomain
  let service: Service | undefined

  beforeEach(async () => {
    world = await socketDomain()
  })
  afterEach(async () => {
    await service?.close()
    service = undefined
  })

  async function startExpress(make: typeof express): Promise<{ at: string; orders: Workload }> {
    const app = make()
    app.use(guard(world.ledger, options))
    app.use(make.json())
    app.use(make.urlencoded({ extended: false }))
    app.post('/entries', (req, res) => res.json({ got: req.body as unknown, length: req.get('content-length') }))
    service = await listen(createServer(app))
    return { at: service.origin, orders: await world.caller('orders', service.origin) }
  }

  // Their types differ where this test does not look.
  for (const [name, make] of [
    ['Express 5', express] as const,
    ['Express 4', express4 as unknown as typeof express] as const,
  ]) {
    it(`gives ${name} the body, and express.json finds its work done`, async () => {
      const { at, orders } = await startExpress(make)
      for (const seal of ['auto', 'always'] as const) {
        const body = JSON.stringify({ a: 'ä', pad: 'x'.repeat(40_000) })
        const answer = await orders.fetch(`${at}/entries`, { method: 'POST', headers, body, countersign: { seal } })
        const { got, length } = (await answer.json()) as { got: unknown; length: string }
        expect(got).toEqual(JSON.parse(body))
        expect(Number(length)).toBe(Buffer.byteLength(body))
      }
    })

    it(`leaves other bodies to the parsers of ${name}`, async () => {
      const { at, orders } = await startExpress(make)
      const form = await orders.fetch(`${at}/entries`, { method: 'POST', body: new URLSearchParams({ a: '1' }) })
      expect(await form.json()).toMatchObject({ got: { a: '1' } })
      const encoded = { 'content-type': 'application/json; charset=utf-16' }
      const other = await orders.fetch(`${at}/entries`, {
        method: 'POST',
        headers: encoded,
        body: Buffer.from('{}', 'utf16le'),
      })
      expect(await other.json()).toMatchObject({ got: {} })
    })
  }

  it('gives Koa the body where koa-bodyparser looks', async () => {
    const app = new Koa()
    app.use(guardKoa(world.ledger, options))
    app.use(bodyParser())
    app.use((ctx) => {
      ctx.body = { got: ctx.request.body }
    })
    service = await listen(createServer(app.callback()))
    const orders = await world.caller('orders', service.origin)
    const answer = await orders.fetch(`${service.origin}/entries`, { method: 'POST', headers, body: '{"a":[1]}' })
    expect(await answer.json()).toEqual({ got: { a: [1] } })
  })

  it('takes no more of a body than the limit, however it is framed', async () => {
    const app = express()
    app.use(guard(world.ledger, { ...options, maxBodyBytes: 1_000 }))
    app.post('/entries', (_req, res) => res.end())
    service = await listen(createServer(app))
    const orders = await world.caller('orders', service.origin)
    const send = (length: number) =>
      orders.fetch(`${service?.origin}/entries`, {
        method: 'POST',
        headers,
        body: JSON.stringify('x'.repeat(length - 2)),
      })
    expect((await send(1_000)).status).toBe(200)
    expect((await send(1_001)).status).toBe(413)
    expect((await send(200_000)).status).toBe(413)
    expect((await send(1_000)).status).toBe(200)
  })

  it('a body that says it is JSON and is not is refused by a guard that parses it', async () => {
    const { at, orders } = await startExpress(express)
    for (const body of ['{', 'nothing', Buffer.from([0x22, 0xff, 0x22])]) {
      const answer = await orders.fetch(`${at}/entries`, { method: 'POST', headers, body })
      expect([answer.status, await answer.json()]).toMatchObject([400, { type: 'urn:countersign:problem:malformed' }])
    }
    await world.ledger.audit.flush()
    expect(world.domain.sink.events.filter(({ code }) => code === 'body-malformed')).toHaveLength(3)
    const empty = await orders.fetch(`${at}/entries`, { method: 'POST', headers, body: '' })
    expect(empty.status).toBe(200)
  })
})
