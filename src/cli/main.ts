#!/usr/bin/env node
import { EXIT } from './command.ts'
import { run } from './run.ts'

const { stdin, stdout, stderr } = process

run(process.argv.slice(2), { stdin, stdout, stderr }).then(
  (code) => {
    process.exitCode = code
  },
  (error: unknown) => {
    stderr.write(`countersign: ${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = EXIT.broken
  },
)
