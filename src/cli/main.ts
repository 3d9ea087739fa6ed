#!/usr/bin/env node
import { isCountersignError } from '../core/errors.ts'
import { init } from './init.ts'

const USAGE = `countersign init <trust-domain> <service=origin…> [--dir <folder>] [--json]

  init   writes what the quickstart needs: a credentials file for each service, one trust bundle, one policy.
         Existing files are never overwritten.
`

async function main(args: readonly string[]): Promise<number> {
  const [command, ...rest] = args
  if (command === undefined || command === '--help' || command === '-h' || rest.includes('--help')) {
    process.stdout.write(USAGE)
    return command === undefined ? 2 : 0
  }
  if (command !== 'init') {
    process.stderr.write(`countersign: there is no command "${command}"\n\n${USAGE}`)
    return 2
  }
  try {
    process.stdout.write(await init(rest))
    return 0
  } catch (error) {
    if (!isCountersignError(error)) throw error
    process.stderr.write(`countersign: ${error.message}\n`)
    return 1
  }
}

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code
  },
  (error: unknown) => {
    process.stderr.write(`countersign: ${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = 70
  },
)
