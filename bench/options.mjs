import { parseArgs } from 'node:util'

export const USAGE = `node bench/main.mjs [--quick] [--only name,…] [--rounds N] [--list]
  --quick   everything within two minutes; all figures are rough and go to build/bench/quick.json alone
  --only    these rows; a full run of some rows joins what the same commit measured before on the same machine
  --rounds  how many interleaved rounds, at least 10 without --quick
  --list    names of the rows`

const MIN_ROUNDS = 10

/** How long and how often to measure: everything that differs between a full run and a quick one. */
const FULL = {
  rounds: 12,
  warmUpMs: 10_000,
  runMs: 1_500,
  microMs: 200,
  peers: 10_000,
  batch: 2_000,
  nonces: 1_000_000,
  streamBytes: 4 * 2 ** 30,
}
const QUICK = {
  rounds: 3,
  warmUpMs: 700,
  runMs: 250,
  microMs: 30,
  peers: 200,
  batch: 200,
  nonces: 200_000,
  streamBytes: 2 ** 30,
}

/** Reads the command line; throws an Error whose message tells what to write instead. */
export function readOptions(args, names) {
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      rounds: { type: 'string' },
      list: { type: 'boolean', default: false },
    },
  })
  const only = values.only?.split(',') ?? names
  for (const name of only) if (!names.includes(name)) throw new Error(`no row "${name}"; rows: ${names.join(' ')}`)
  const effort = values.quick ? QUICK : FULL
  const rounds = values.rounds === undefined ? effort.rounds : Number(values.rounds)
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error('--rounds takes a whole number')
  if (!values.quick && rounds < MIN_ROUNDS) {
    throw new Error(`no ratio is printed from fewer than ${MIN_ROUNDS} rounds: give more, or --quick for rough figures`)
  }
  return { quick: values.quick, list: values.list, only, effort: { ...effort, rounds } }
}
