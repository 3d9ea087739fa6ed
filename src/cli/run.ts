import { type CountersignError, isCountersignError } from '../core/errors.ts'
import { type Command, EXIT, type Io, Misuse, print } from './command.ts'
import { envelope } from './envelope.ts'
import { init } from './init.ts'
import { Interruption } from './interruption.ts'
import { keys } from './keys.ts'

const commands: Readonly<Record<string, Command>> = { init, envelope, keys }

const OVERVIEW = `countersign <command> …

  init      writes what the quickstart needs
  envelope  seals, opens, inspects and rewraps files
  keys      makes, lists and revokes API keys

  countersign <command> --help tells more. Exit codes: 0 done; 1 it could not be done; 2 called wrongly;
  70 a fault of the command itself; 130 and 143 stopped by a signal.
`

// Whoever prints hears of it by its own way: the event alone would end the process.
const heardElsewhere = () => undefined

/** Runs the command that the arguments name; gives the exit code. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  for (const output of [io.stdout, io.stderr]) output.on('error', heardElsewhere)
  const [name = '', ...rest] = args
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined
  try {
    await obey(name, { command, rest, io })
    return EXIT.done
  } catch (error) {
    return explain(error, { usage: command?.usage ?? OVERVIEW, io, isJson: rest.includes('--json') })
  }
}

interface Given {
  readonly command: Command | undefined
  readonly rest: readonly string[]
  readonly io: Io
}

const asksForHelp = (arg: string) => arg === '--help' || arg === '-h'

async function obey(name: string, { command, rest, io }: Given): Promise<void> {
  if (asksForHelp(name)) return print(io.stdout, OVERVIEW)
  if (command === undefined) throw new Misuse(name === '' ? '' : `there is no command "${name}"`)
  if (rest.some(asksForHelp)) return print(io.stdout, command.usage)
  return command.run(rest, io)
}

/** The file or option and what to do say more than the sentence of these codes. Whoever runs the command may know the step. */
function textOf({ code, message, detail: { option, fix, step } }: CountersignError): string {
  const isNamed = (code === 'option-invalid' || code === 'unopened') && option !== undefined && fix !== undefined
  return `${isNamed ? `${option}: ${fix}` : message}${step === undefined ? '' : ` (${step})`}`
}

function explain(
  error: unknown,
  { usage, io, isJson }: { readonly usage: string; readonly io: Io; readonly isJson: boolean },
): number {
  if (error instanceof Misuse) {
    io.stderr.write(`${error.message === '' ? '' : `countersign: ${error.message}\n\n`}${usage}`)
    return EXIT.misused
  }
  if (error instanceof Interruption) return error.exitCode
  if (!isCountersignError(error)) throw error
  const { code, message, detail } = error
  io.stderr.write(isJson ? `${JSON.stringify({ code, message, detail })}\n` : `countersign: ${textOf(error)}\n`)
  return EXIT.failed
}
