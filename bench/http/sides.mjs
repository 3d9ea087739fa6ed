// Runs the sides of one HTTP row against each other: each side a server and a client process of its own, one side at a
// time under load, in turns.
import { start } from '../child.mjs'
import { makeFolder, removeFolder } from '../scratch.mjs'
import { median } from '../statistics.mjs'
import { authorityKey, writeCertificates } from './certificates.mjs'
import { writeDomain } from './domain.mjs'
import { checkTrails } from './trail.mjs'

/** Starts what a side needs. `side.proof` says how the calls have to have been proven: the audit trails are read. */
async function openSide(side, connections) {
  const folder = makeFolder()
  const processes = []
  const begin = (program, options) => {
    const child = start(program, options)
    processes.unshift(child)
    return child
  }
  async function close() {
    for (const child of processes) await child.stop()
  }
  try {
    if (side.tls) writeCertificates(folder)
    const extra = side.prepare === undefined ? {} : await side.prepare(begin, folder)
    const authority = side.proof === 'certificate' ? authorityKey(folder) : undefined
    if (side.proof !== undefined) await writeDomain(folder, { issuer: extra.issuer, authority })
    const server = begin(side.server, { folder, secured: side.proof !== undefined, ...side.options, ...extra })
    const origin = await server.ask('origin')
    const client = begin('http/load.mjs', {
      folder,
      origin,
      connections,
      tls: side.tls,
      ...side.options,
      ...extra,
      ...side.caller,
    })
    return { side, folder, server, client, close }
  } catch (cause) {
    await close()
    removeFolder(folder)
    throw cause
  }
}

/** One run under load: calls a second, median latency, and what a call costs each process. */
async function load({ server, client }, ms) {
  const before = await server.ask('cpu')
  const { calls, seconds, cpuUs, latencyMs } = await client.ask('run', { ms })
  const serverCpuUs = ((await server.ask('cpu')) - before) / calls
  return { perSecond: calls / seconds, latencyMs, serverCpuUs, clientCpuUs: cpuUs / calls }
}

async function finish({ side, folder, client, close }) {
  const calls = await client.ask('made')
  await close()
  if (side.proof === undefined) return
  // Only a workload writes down the calls it makes.
  const trails = side.caller.kind === 'pool' ? ['ledger'] : ['orders', 'ledger']
  await checkTrails(folder, { trails, calls, proof: side.proof, sealed: side.options?.seal })
}

function medians(runs) {
  const names = Object.keys(runs[0])
  return Object.fromEntries(names.map((name) => [name, median(runs.map((run) => run[name]))]))
}

/**
 * Measures the sides in interleaved rounds after a warm-up.
 *
 * @returns `rounds`: one object a round with each side's measures, for paired figures; `sides`: each side's medians
 */
export async function measureSides(sides, { rounds: count, warmUpMs, runMs }, connections = 16) {
  const open = []
  try {
    for (const side of sides) open.push(await openSide(side, connections))
    for (const opened of open) await load(opened, warmUpMs)
    const rounds = []
    for (let i = 0; i < count; i++) {
      const round = {}
      for (const opened of open) round[opened.side.name] = await load(opened, runMs)
      rounds.push(round)
    }
    for (const opened of open) await finish(opened)
    const measured = sides.map(({ name }) => [name, medians(rounds.map((round) => round[name]))])
    return { rounds, sides: Object.fromEntries(measured) }
  } finally {
    for (const opened of open) {
      await opened.close()
      removeFolder(opened.folder)
    }
  }
}
