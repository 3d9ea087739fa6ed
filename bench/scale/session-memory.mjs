// How much memory a session takes: a guarded server before and after many callers have opened one each.

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { generateKey, publicJwk } from 'countersign'
import { start } from '../child.mjs'
import { makeFolder, removeFolder } from '../scratch.mjs'

const WARM_UP = 50

/** One anchor vouches for everybody: what grows with the callers is not the trust bundle. */
async function writeFiles(folder) {
  const write = (name, content) => writeFile(join(folder, name), JSON.stringify(content), { mode: 0o600 })
  const anchor = await generateKey({ alg: 'ES256' })
  await write('caller.json', { keys: [anchor] })
  await write('ledger.json', { keys: [anchor, await generateKey({ alg: 'P-256' })] })
  await write('trust.json', { trust_domains: { 'bench.internal': { keys: [publicJwk(anchor)] } } })
  const rule = { id: 'all', effect: 'allow', from: ['spiffe://bench.internal/**'], to: ['POST /entries'] }
  await write('policy.json', { version: 1, rules: [rule] })
}

/** Bytes a session on the server, everything that comes with a caller included: in the heap, and resident. */
export async function measureSessionMemory(count) {
  const folder = makeFolder()
  const processes = []
  const begin = (...given) => {
    const child = start(...given)
    processes.unshift(child)
    return child
  }
  try {
    await writeFiles(folder)
    const server = begin('servers/node.mjs', { folder, secured: true }, ['--expose-gc'])
    const origin = await server.ask('origin')
    const client = begin('scale/open-sessions.mjs', { folder, origin })
    await client.ask('run', { count: WARM_UP })
    const before = await server.ask('memory')
    await client.ask('run', { count: count - WARM_UP })
    const after = await server.ask('memory')
    const perSession = (inUse) => (inUse(after) - inUse(before)) / (count - WARM_UP)
    return {
      heap: perSession(({ heapUsed, external }) => heapUsed + external),
      resident: perSession(({ rss }) => rss),
    }
  } finally {
    for (const child of processes) await child.stop()
    removeFolder(folder)
  }
}
