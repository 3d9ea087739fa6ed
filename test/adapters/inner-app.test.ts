import { createServer } from 'node:http'
import express5 from 'express'
import express4 from 'express4'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { guard } from '../../src/adapters/express.ts'
import { allowAuthenticated } from '../../src/policy/allow-authenticated.ts'
import { type SocketDomain, socketDomain } from '../journeys/domain.ts'
import { listen, type Service } from '../journeys/servers.ts'

const policy = allowAuthenticated()

describe.each([
  ['Express 5', express5],
  ['Express 4', express4 as unknown as typeof express5],
])('%s apps within apps', (_name, express) => {
  let world: SocketDomain
  let service: Service | undefined

  beforeEach(async () => {
    world = await socketDomain()
  })
  afterEach(async () => {
    await service?.close()
    service = undefined
  })

  async function ask(app: express5.Express, seal: 'always' | 'never'): Promise<Response> {
    service = await listen(createServer(app))
    const orders = await world.caller('orders', service.origin)
    const send = orders.client({ peer: world.ledger.id, baseUrl: `${service.origin}/inner`, seal })
    return send('/inner/thing', { method: 'POST', body: 'secret' })
  }

  it.each(['always', 'never'] as const)('what an inner app answers is signed, sealing: %s', async (seal) => {
    const [app, inner] = [express(), express()]
    inner.post('/thing', (_req, res) => void res.json({ at: 'inner' }))
    app.use(guard(world.ledger, { policy }))
    app.use('/inner', inner)
    expect(await (await ask(app, seal)).json()).toEqual({ at: 'inner' })
  })

  it('what an outer app answers after the guard of an inner app let it pass is signed', async () => {
    const [app, inner] = [express(), express()]
    inner.use(guard(world.ledger, { policy }))
    app.use('/inner', inner)
    app.post('/inner/thing', (_req, res) => void res.json({ at: 'outer' }))
    expect(await (await ask(app, 'always')).json()).toEqual({ at: 'outer' })
  })

  it('answers of apps without a guard are left alone', async () => {
    const [guarded, plain] = [express(), express()]
    guarded.use(guard(world.ledger, { policy }))
    guarded.post('/inner/thing', (_req, res) => void res.end('held'))
    plain.get('/', (_req, res) => {
      res.writeHead(201, 'Made', { 'X-Plain': 'yes' })
      res.write('a')
      res.end('b')
    })
    expect((await ask(guarded, 'always')).status).toBe(200)
    const open = await listen(createServer(plain))
    const answer = await fetch(open.origin)
    expect([answer.status, answer.statusText, answer.headers.get('x-plain')]).toEqual([201, 'Made', 'yes'])
    expect(await answer.text()).toBe('ab')
    await open.close()
  })
})
