// node:http without a framework: raw, or behind the guard. Who has not parsed the body does it by hand.
import { createServer } from 'node:http'
import { given } from '../answering.mjs'
import { book } from '../http/entry.mjs'
import { serve } from './serving.mjs'

async function readJson(req) {
  const chunks = []
  for await (const chunk of req) chunks.push(chunk)
  return JSON.parse(Buffer.concat(chunks).toString())
}

function answer(res, entry) {
  const body = JSON.stringify(book(entry))
  res.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
  res.end(body)
}

async function handle(req, res) {
  answer(res, req.body ?? (await readJson(req)))
}

if (given.secured) {
  const { guard } = await import('countersign/node')
  const { openLedger } = await import('./ledger.mjs')
  const { ledger, guardOptions, close } = await openLedger()
  serve(createServer(guard(ledger, guardOptions, handle)), { close })
} else {
  serve(createServer(handle))
}
