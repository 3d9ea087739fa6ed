import { createServer, type Server } from 'node:http'
import { json } from 'node:stream/consumers'
import type { Workload } from 'countersign'
import { callOf, guard } from 'countersign/koa'
import { definePolicy } from 'countersign/policy'
import Koa from 'koa'

export interface Charge {
  readonly by: string
  readonly amount: number
}

/** The payments service, on Koa: charges come sealed or not at all. */
export function paymentsServer(workload: Workload): { server: Server; charges: Charge[] } {
  const charges: Charge[] = []
  const app = new Koa()
  const policy = definePolicy({
    version: 1,
    rules: [
      {
        id: 'orders-may-charge',
        effect: 'allow',
        from: ['spiffe://shop.internal/orders'],
        to: ['POST /charges'],
        when: { sealed: true },
      },
    ],
  })
  app.use(guard(workload, { policy }))
  app.use(async (ctx) => {
    const { amount } = (await json(ctx.req)) as { amount: number }
    charges.push({ by: callOf(ctx).peer.id, amount })
    ctx.body = { receipt: `receipt-${charges.length}` }
  })
  return { server: createServer(app.callback()), charges }
}
