import { createServer, type Server } from 'node:http'
import { json } from 'node:stream/consumers'
import type { Workload } from 'countersign'
import { callOf, guard } from 'countersign/node'
import { definePolicy } from 'countersign/policy'

export interface Entry {
  readonly by: string
  readonly order: string
}

/** The ledger, on node:http: orders may add entries, nobody may read them. */
export function ledgerServer(workload: Workload): { server: Server; entries: Entry[] } {
  const entries: Entry[] = []
  const policy = definePolicy({
    version: 1,
    rules: [
      { id: 'orders-may-write', effect: 'allow', from: ['spiffe://shop.internal/orders'], to: ['POST /entries'] },
    ],
  })
  const listener = guard(workload, { policy }, async (req, res) => {
    const { order } = (await json(req)) as { order: string }
    entries.push({ by: callOf(req).peer.id, order })
    res.setHeader('content-type', 'application/json')
    res.end(JSON.stringify({ entry: entries.length }))
  })
  return { server: createServer(listener), entries }
}
