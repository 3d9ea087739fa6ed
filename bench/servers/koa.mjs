// Koa: raw, or behind the guard. Parser and handler are the same.

import { createServer } from 'node:http'
import Koa from 'koa'
import bodyParser from 'koa-bodyparser'
import { given } from '../answering.mjs'
import { book, PATH } from '../http/entry.mjs'
import { serve } from './serving.mjs'

const app = new Koa()
let closing
if (given.secured) {
  const { guard } = await import('countersign/koa')
  const { openLedger } = await import('./ledger.mjs')
  const { ledger, guardOptions, close } = await openLedger()
  closing = close
  app.use(guard(ledger, guardOptions))
}
app.use(bodyParser())
app.use((ctx) => {
  if (ctx.method === 'POST' && ctx.path === PATH) ctx.body = book(ctx.request.body)
})
serve(createServer(app.callback()), { close: closing })
