import { createServer } from 'node:http'
import Koa from 'koa'
import { expect, it } from 'vitest'
import { callOf } from '../../src/adapters/call-of.ts'
import { guard } from '../../src/adapters/koa.ts'
import { allowAuthenticated } from '../../src/policy/allow-authenticated.ts'
import { definePolicy } from '../../src/policy/define-policy.ts'
import { socketDomain } from '../journeys/domain.ts'
import { listen } from '../journeys/servers.ts'

it('judges the URL that arrived, whatever a mount has cut off it', async () => {
  const world = await socketDomain()
  const app = new Koa()
  app.use((ctx, next) => {
    ctx.path = ctx.path.replace('/v1', '')
    return next()
  })
  app.use(guard(world.ledger, { policy: allowAuthenticated() }))
  app.use((ctx) => {
    ctx.body = { path: ctx.path, from: callOf(ctx).peer.id }
  })
  const service = await listen(createServer(app.callback()))
  const orders = await world.caller('orders', service.origin)
  const answer = await orders.fetch(`${service.origin}/v1/entries`)
  expect(await answer.json()).toEqual({ path: '/entries', from: orders.id })
  await service.close()
})

it('signs what the guard, a second guard and Koa’s own error handler answer', async () => {
  const world = await socketDomain()
  const app = new Koa()
  app.silent = true
  app.use(guard(world.ledger, { policy: allowAuthenticated() }))
  app.use((ctx, next) => {
    const nobody = definePolicy({ version: 1, rules: [] })
    return ctx.path === '/closed' ? guard(world.ledger, { policy: nobody })(ctx, next) : next()
  })
  app.use((ctx) => {
    if (ctx.path === '/throw') throw new Error('on purpose')
    if (ctx.path === '/teapot') ctx.throw(418, 'short and stout')
  })
  const service = await listen(createServer(app.callback()))
  const orders = await world.caller('orders', service.origin)
  const statusOf = async (path: string) => (await orders.fetch(service.origin + path)).status
  expect(await Promise.all(['/closed', '/throw', '/teapot', '/none'].map(statusOf))).toEqual([403, 500, 418, 404])
  await service.close()
})
