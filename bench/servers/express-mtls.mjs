// Express over mutual TLS 1.3: what a team would take instead of sealing, or behind the guard, which then judges the
// certificates. Without it TLS does, and the caller's certificate has to be verified; with `reads` the name in it is
// looked at, once a connection.

import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { join } from 'node:path'
import { given } from '../answering.mjs'
import { ORDERS } from '../http/domain.mjs'
import { openApp } from './express-app.mjs'
import { serve } from './serving.mjs'

const callers = new WeakMap()

function callerOn(socket) {
  if (!callers.has(socket)) callers.set(socket, socket.getPeerCertificate().subjectaltname)
  return callers.get(socket)
}

function onlyOrders(req, res, next) {
  if (callerOn(req.socket) === `URI:${ORDERS}`) next()
  else res.status(403).end()
}

const file = (name) => readFileSync(join(given.folder, name))
const { app, close } = await openApp(given.reads ? onlyOrders : undefined)
const tls = {
  key: file('server.key'),
  cert: file('server.crt'),
  ca: file('ca.crt'),
  requestCert: true,
  rejectUnauthorized: !given.secured,
  minVersion: 'TLSv1.3',
}
serve(createServer(tls, app), { scheme: 'https', close })
