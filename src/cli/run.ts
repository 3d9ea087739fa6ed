import { type ErrorDetail, isCountersignError } from '../core/errors.ts'
import { type Command, EXIT, type Io, Misuse } from './command.ts'
import { envelope } from './envelope.ts'
import { init } from './init.ts'
import { Interruption } from './interruption.ts'

const commands: Readonly<Record<string, Command>> = { init, envelope }

const OVERVIEW = `countersign <command> …

  init      writes what the quickstart needs
  envelope  seals, opens, inspects and rewraps files

  countersign <command> --help tells more. Exit codes: 0 done; 1 it could not be done; 2 called wrongly;
  130 and 143 stopped by a signal.
`

/** Runs the command that the arguments name; gives the exit code. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  const [name = '', ...rest] = args
  if (name === '--help' || name === '-h') {
    io.stdout.write(OVERVIEW)
    return EXIT.done
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (command === undefined) {
    io.stderr.write(`${name === '' ? '' : `countersign: there is no command "${name}"\n\n`}${OVERVIEW}`)
    return EXIT.misused
  }
  if (rest.includes('--help') || rest.includes('-h')) {
    io.stdout.write(command.usage)
    return EXIT.done
  }
  try {
    await command.run(rest, io)
    return EXIT.done
  } catch (error) {
    return explain(error, { command, io, isJson: rest.includes('--json') })
  }
}

/** Where an envelope stopped being one: whoever runs the command holds the keys, and may know. */
function stepIn({ step }: ErrorDetail): string {
  return step === undefined ? '' : ` (${step})`
}

function explain(
  error: unknown,
  { command, io, isJson }: { readonly command: Command; readonly io: Io; readonly isJson: boolean },
): number {
  if (error instanceof Misuse) {
    io.stderr.write(`countersign: ${error.message}\n\n${command.usage}`)
    return EXIT.misused
  }
  if (error instanceof Interruption) return error.exitCode
  if (!isCountersignError(error)) throw error
  const { code, message, detail } = error
  io.stderr.write(
    isJson ? `${JSON.stringify({ code, message, detail })}\n` : `countersign: ${message}${stepIn(detail)}\n`,
  )
  return EXIT.failed
}
