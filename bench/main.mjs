// npm run bench: the library beside its peers, in turns, with medians and spread. See USAGE in options.mjs.
import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { envelopeRows } from './envelope/rows.mjs'
import { httpRows } from './http/rows.mjs'
import { commit, machine } from './machine.mjs'
import { microRows } from './micro/rows.mjs'
import { readOptions, USAGE } from './options.mjs'
import { installPeers } from './peers/install.mjs'
import { chart } from './report/chart.mjs'
import { page } from './report/page.mjs'
import { keep, resultOf } from './report/results.mjs'
import { table } from './report/table.mjs'
import { scaleRows } from './scale/rows.mjs'

const rows = [...httpRows, ...microRows, ...envelopeRows, ...scaleRows]
const names = rows.map(({ name }) => name)
const docs = join(dirname(fileURLToPath(import.meta.url)), '..', 'docs')

async function measure(row, { effort, quick }) {
  try {
    return resultOf(row, await row.run(effort), quick)
  } catch (cause) {
    process.exitCode = 1
    return { name: row.name, title: row.title, equal: row.equal, error: cause.message }
  }
}

/** Only a run that has every row, none of them rough or failed, makes the page. */
function publish(kept) {
  const isWhole = kept.rows.length === names.length && kept.rows.every(({ error }) => error === undefined)
  if (kept.rough || !isWhole) return
  writeFileSync(join(docs, 'performance.svg'), chart(kept))
  writeFileSync(join(docs, 'performance.md'), page(kept))
}

async function main(options) {
  const { quick, only, effort } = options
  installPeers()
  const run = {
    date: new Date().toISOString(),
    commit: commit(),
    machine: machine(),
    rounds: effort.rounds,
    rough: quick,
  }
  const { cpu, cores, node, openssl } = run.machine
  process.stdout.write(`${cpu}, ${cores} cores, Node ${node}, OpenSSL ${openssl}, commit ${run.commit}\n`)
  process.stdout.write(quick ? 'ROUGH: few and short rounds; no figure here decides anything\n\n' : '\n')
  const measured = []
  for (const row of rows.filter(({ name }) => only.includes(name))) {
    measured.push(await measure(row, options))
    process.stdout.write(`${table(measured.at(-1), run)}\n`)
  }
  publish(keep({ ...run, rows: measured }, names))
}

function optionsOrUsage() {
  try {
    return readOptions(process.argv.slice(2), names)
  } catch (cause) {
    process.stderr.write(`bench: ${cause.message}\n${USAGE}\n`)
    process.exit(1)
  }
}

const options = optionsOrUsage()
if (options.list) process.stdout.write(`${names.join('\n')}\n`)
else await main(options)
