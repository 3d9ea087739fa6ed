// What was measured, as JSON.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { judge, summarize } from '../statistics.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..')
const LATEST = join(root, 'bench/results/latest.json')
/** Rough figures are not kept with the sources. */
const QUICK = join(root, 'build/bench/quick.json')

/** A measured row: figures with median, spread and verdict. Of rough figures none is judged. */
export function resultOf(row, { figures, sides }, rough) {
  const judged = figures.map(({ values, ...figure }) => {
    const summary = summarize(values)
    return { ...figure, ...summary, verdict: rough ? 'rough' : judge(summary, figure.bounds), rounds: values }
  })
  return { name: row.name, title: row.title, equal: row.equal, at: new Date().toISOString(), figures: judged, sides }
}

function read(path) {
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined
}

/** Rows measured before count further where machine, commit and rounds are the same. */
function earlierRows(path, { machine, commit, rounds }) {
  const before = read(path)
  const same = (a, b) => JSON.stringify(a) === JSON.stringify(b)
  const isSame = before !== undefined && same([before.machine, before.commit, before.rounds], [machine, commit, rounds])
  return isSame ? before.rows : []
}

/** As the checks of the repository want every file that is kept. */
function format(path) {
  execFileSync(process.execPath, [join(root, 'node_modules/@biomejs/biome/bin/biome'), 'format', '--write', path], {
    cwd: root,
    stdio: 'ignore',
  })
}

/** Writes the results of this run, in the order of the rows; gives all that the file now holds. */
export function keep(run, names) {
  const path = run.rough ? QUICK : LATEST
  mkdirSync(dirname(path), { recursive: true })
  const known = new Map((run.rough ? [] : earlierRows(path, run)).map((row) => [row.name, row]))
  for (const row of run.rows) known.set(row.name, row)
  const kept = { ...run, rows: names.flatMap((name) => known.get(name) ?? []) }
  writeFileSync(path, JSON.stringify(kept))
  if (!run.rough) format(path)
  return kept
}
