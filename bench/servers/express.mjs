// Express: raw, or behind the guard. Parser and handler are the same.

import { createServer } from 'node:http'
import express from 'express'
import { given } from '../answering.mjs'
import { book, PATH } from '../http/entry.mjs'
import { serve } from './serving.mjs'

const app = express()
let closing
if (given.secured) {
  const { guard } = await import('countersign/express')
  const { openLedger } = await import('./ledger.mjs')
  const { ledger, guardOptions, close } = await openLedger()
  closing = close
  app.use(guard(ledger, guardOptions))
}
app.use(express.json())
app.post(PATH, (req, res) => res.json(book(req.body)))
serve(createServer(app), { close: closing })
