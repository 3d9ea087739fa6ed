// Express over mutual TLS 1.3: what a team would take instead of sealing. The caller's certificate has to be verified.

import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { join } from 'node:path'
import express from 'express'
import { given } from '../answering.mjs'
import { book, PATH } from '../http/entry.mjs'
import { serve } from './serving.mjs'

const file = (name) => readFileSync(join(given.folder, name))
const app = express()
app.use(express.json())
app.post(PATH, (req, res) => res.json(book(req.body)))
const tls = {
  key: file('server.key'),
  cert: file('server.crt'),
  ca: file('ca.crt'),
  requestCert: true,
  rejectUnauthorized: true,
  minVersion: 'TLSv1.3',
}
serve(createServer(tls, app), { scheme: 'https' })
