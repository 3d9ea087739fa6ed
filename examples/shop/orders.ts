import { createServer, type Server } from 'node:http'
import type { Workload } from 'countersign'
import { guard } from 'countersign/express'
import { definePolicy } from 'countersign/policy'
import express from 'express'

/** What a customer sends. */
export interface Order {
  readonly item: string
  readonly card: string
  readonly amount: number
}

/** The orders service, on Express: customers call it without a proof, it calls payments and the ledger with one. */
export function ordersServer(workload: Workload, at: { payments: string; ledger: string }): Server {
  const app = express()
  const policy = definePolicy({
    version: 1,
    rules: [{ id: 'anybody-may-order', effect: 'allow', from: ['anonymous'], to: ['POST /orders'] }],
  })
  app.use(guard(workload, { policy }))
  app.use(express.json())
  app.post('/orders', async (req, res) => {
    const order = req.body as Order
    const headers = { 'content-type': 'application/json' }
    const charge = await workload.fetch(`${at.payments}/charges`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ card: order.card, amount: order.amount }),
    })
    const { receipt } = (await charge.json()) as { receipt: string }
    const entry = await workload.fetch(`${at.ledger}/entries`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ order: `${order.item}, ${receipt}` }),
    })
    res.status(entry.ok ? 201 : 502).json({ item: order.item, receipt })
  })
  return createServer(app)
}
