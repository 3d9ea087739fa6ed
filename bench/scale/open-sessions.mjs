// The client side of the memory measurement: many workloads, each opens one session at the server by one call.

import { join } from 'node:path'
import { createWorkload, credentialFile, trustFile } from 'countersign'
import { undiciTransport } from 'countersign/undici'
import { answering, given } from '../answering.mjs'
import { LEDGER } from '../http/domain.mjs'
import { ENTRY, HEADERS, PATH } from '../http/entry.mjs'

const CONNECTIONS = 8
const { folder, origin } = given
const transport = undiciTransport({ connections: CONNECTIONS })
const silent = { write() {} }
let last = 0

async function openOne() {
  const workload = await createWorkload({
    id: `spiffe://bench.internal/caller-${last++}`,
    credentials: credentialFile(join(folder, 'caller.json')),
    trust: trustFile(join(folder, 'trust.json')),
    peers: { [origin]: LEDGER },
    audit: silent,
    transport,
  })
  const answer = await workload.fetch(origin + PATH, { method: 'POST', headers: HEADERS, body: ENTRY })
  if (answer.status !== 200) throw new Error(`answered with ${answer.status}`)
  await answer.arrayBuffer()
  await workload.close()
}

async function run({ count }) {
  let left = count
  async function some() {
    while (left-- > 0) await openOne()
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, some))
}

answering({ run })
