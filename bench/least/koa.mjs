import { createServer } from 'node:http'
import Koa from 'koa'
import bodyParser from 'koa-bodyparser'
import { book, PATH } from '../http/entry.mjs'
import { serve } from '../servers/serving.mjs'
import { admit, answerFields, gather } from './guard.mjs'

const app = new Koa()
app.use(async (ctx, next) => {
  const call = admit(ctx.req, await new Promise((resolve) => gather(ctx.req, resolve)))
  ctx.request.body = call.body
  await next()
  ctx.body = JSON.stringify(ctx.body)
  for (const [name, value] of answerFields(call, ctx.body)) ctx.res.setHeader(name, value)
})
app.use(bodyParser())
app.use((ctx) => {
  if (ctx.method === 'POST' && ctx.path === PATH) ctx.body = book(ctx.request.body)
})
serve(createServer(app.callback()))
