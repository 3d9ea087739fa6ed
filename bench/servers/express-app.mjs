// The application of every Express server: raw, or behind the guard. Parser and handler are the same.
import express from 'express'
import { given } from '../answering.mjs'
import { book, PATH } from '../http/entry.mjs'

/** `before` stands where the guard would, on servers that have none. */
export async function openApp(before) {
  const app = express()
  let close
  if (given.secured) {
    const { guard } = await import('countersign/express')
    const { openLedger } = await import('./ledger.mjs')
    const { ledger, guardOptions, close: closeLedger } = await openLedger()
    close = closeLedger
    app.use(guard(ledger, guardOptions))
  } else if (before !== undefined) app.use(before)
  app.use(express.json())
  app.post(PATH, (req, res) => res.json(book(req.body)))
  return { app, close }
}
