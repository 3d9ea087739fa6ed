import type { Readable, Writable } from 'node:stream'
import { type ParseArgsConfig, parseArgs } from 'node:util'
import { CountersignError } from '../core/errors.ts'
import { naming } from '../core/system.ts'

/** What a command reads from and writes to. */
export interface Io {
  readonly stdin: Readable & { readonly fd?: number }
  readonly stdout: Writable
  /** Where progress goes; only a terminal gets any. */
  readonly stderr: Writable & { readonly isTTY?: boolean }
}

/** A command: what `--help` says of it, and what it does. It throws where it could not do it. */
export interface Command {
  readonly usage: string
  run(args: readonly string[], io: Io): Promise<void>
}

/** How a command ends: scripts can trust it. */
export const EXIT = Object.freeze({ done: 0, failed: 1, misused: 2, broken: 70 })

/** An argument that is wrong, or a file that is: names it and the fix. */
export function wrong(option: string, fix: string): CountersignError {
  return new CountersignError('option-invalid', { detail: { option, fix } })
}

export const STANDARD_INPUT = 'standard input'
const STANDARD_OUTPUT = 'standard output'

/** Names the pipe: what a file could not do is named already. */
export function namingPipe(error: unknown): unknown {
  const isRead = error instanceof Error && 'syscall' in error && error.syscall === 'read'
  return isRead ? naming(STANDARD_INPUT, error, 'read') : naming(STANDARD_OUTPUT, error, 'written')
}

/** Prints, and is done when the system has taken it: a full disk or a reader that is gone is a failure. */
export function print(stdout: Writable, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    stdout.write(text, (error) => (error ? reject(namingPipe(error)) : resolve()))
  })
}

/** What was typed is no call of the command. */
export class Misuse extends Error {}

/** Reads the arguments of a command, strictly. */
export function argumentsOf<const T extends NonNullable<ParseArgsConfig['options']>>(
  args: readonly string[],
  options: T,
): ReturnType<typeof parseArgs<{ options: T; allowPositionals: true }>> {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true })
  } catch (error) {
    throw new Misuse(error instanceof Error ? error.message : 'see --help')
  }
}
