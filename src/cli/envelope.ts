import { Duplex } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { openTransform, sealTransform } from '../adapters/node-envelope.ts'
import { MAX_HEADER_BYTES } from '../envelope/header.ts'
import { type EnvelopeSummary, inspect } from '../envelope/inspect.ts'
import { rewrap } from '../envelope/rewrap.ts'
import { unopenedFile } from '../envelope/unopened.ts'
import { argumentsOf, type Command, type Io, Misuse, namingPipe, print, STANDARD_INPUT } from './command.ts'
import { contextOf, recipientsIn, withKeyring } from './envelope-options.ts'
import { readFrom, writeTo } from './files.ts'
import { interruptible } from './interruption.ts'
import { progress } from './progress.ts'

const USAGE = `countersign envelope seal    --keyring <file> [--recipient <file> …] [--context n=v …] [--force] [<in> [<out>]]
countersign envelope open    --keyring <file> [--context n=v …] [--force] [<in> [<out>]]
countersign envelope inspect [--json] [<in>]
countersign envelope rewrap  --keyring <file> [--to-keyring <file>] [--recipient <file> …] [--force] [<in> [<out>]]

  seal     seals what it reads, of any size, to the primary key of the keyring
  open     opens it again; what is not whole and unchanged is an error
  inspect  tells to whom an envelope was sealed; proves nothing and needs no key
  rewrap   gives it other recipients; the body stays as it is

  --keyring <file>     { "primary": "<kid>", "keys": { "<kid>": <JWK> } }; keys come from files alone
  --to-keyring <file>  the keyring to move it to, where it is another one
  --recipient <file>   a public JWK to seal to, instead of a keyring or besides; more than once
  --context n=v        what the envelope belongs to; to open it the same is needed
  --force              overwrites <out>
  --json               prints JSON; of any command, where it fails

  <in> and <out> are files; "-", or nothing, is what is piped. A file gets its name when all of it is there.
`

const OPTIONS = {
  keyring: { type: 'string' },
  'to-keyring': { type: 'string' },
  recipient: { type: 'string', multiple: true },
  context: { type: 'string', multiple: true },
  force: { type: 'boolean' },
  json: { type: 'boolean' },
} as const

interface Call {
  readonly run: (given: Given, io: Io) => Promise<void>
  /** The options it takes, besides --json. */
  readonly takes: readonly (keyof typeof OPTIONS)[]
  /** How many files it takes. */
  readonly files: 1 | 2
}

function read(name: string, { takes, files }: Call, args: readonly string[]) {
  const { values, positionals } = argumentsOf(args, OPTIONS)
  const { json = false, ...options } = values
  for (const option of Object.keys(options) as (keyof typeof options)[]) {
    // Condition: an option that a command does not take is refused.
    if (!takes.includes(option)) throw new Misuse(`"envelope ${name}" takes no --${option}: leave it out`)
  }
  const more = positionals.slice(files).map((argument) => `"${argument}"`)
  const room = files === 1 ? 'one input' : 'one input and one output'
  // Condition: an argument that a command does not take is refused.
  if (more.length > 0) throw new Misuse(`"envelope ${name}" takes ${room}: leave out ${more.join(' ')}`)
  const [input = '-', output = '-'] = positionals
  const { recipient = [], context = [], force = false } = options
  return { ...options, json, recipient, context, force, input, output }
}

type Given = ReturnType<typeof read>

async function sealFile(given: Given, io: Io): Promise<void> {
  const others = await recipientsIn(given.recipient)
  const path = given.keyring
  const seal = (to: Parameters<typeof sealTransform>[0]['to']) =>
    pass(given, io, sealTransform({ to, context: contextOf(given.context) }))
  if (path === undefined && others.length > 0) await seal(others)
  else await withKeyring(path, (keyring) => seal([keyring, ...others]))
}

async function openFile(given: Given, io: Io): Promise<void> {
  await withKeyring(given.keyring, (keyring) =>
    pass(given, io, openTransform({ with: keyring, context: contextOf(given.context) })),
  )
}

async function pass(given: Given, io: Io, through: NodeJS.ReadWriteStream): Promise<void> {
  const { pieces, size } = await readFrom(given.input, io)
  await interruptible((signal) =>
    writeTo(given.output, { stdout: io.stdout, isForced: given.force }, (target) =>
      pipeline(pieces, progress(io.stderr, size), through, target, { signal }),
    ),
  ).catch((error: unknown) => {
    throw failureOf(error, given)
  })
}

/** Says which file or pipe it was. */
function failureOf(error: unknown, { input }: Given): unknown {
  return unopenedFile(input === '-' ? STANDARD_INPUT : input, namingPipe(error))
}

async function rewrapFile(given: Given, io: Io): Promise<void> {
  const others = await recipientsIn(given.recipient)
  await withKeyring(given.keyring, async (keyring) => {
    const exchange = async function* (source: AsyncIterable<Uint8Array>) {
      const { start, rest } = await beginning(source)
      if (given['to-keyring'] === undefined) {
        yield await rewrap(start, { with: keyring, to: others.length > 0 ? others : keyring })
      } else {
        yield await withKeyring(given['to-keyring'], (to) => rewrap(start, { with: keyring, to: [to, ...others] }))
      }
      yield* rest
    }
    await pass(given, io, Duplex.from(exchange))
  })
}

async function inspectFile(given: Given, io: Io): Promise<void> {
  const { suite, kids, headerBytes } = await summaryOf(given, io).catch((error: unknown) => {
    throw failureOf(error, given)
  })
  const told = given.json ? JSON.stringify({ suite, kids, headerBytes }) : textOf({ suite, kids, headerBytes })
  await print(io.stdout, `${told}\n`)
}

async function summaryOf(given: Given, io: Io): Promise<EnvelopeSummary> {
  const { pieces } = await readFrom(given.input, io)
  const { start, close } = await beginning(pieces)
  await close()
  return inspect(start)
}

function textOf({ suite, kids, headerBytes }: Omit<EnvelopeSummary, 'chunks'>): string {
  const lines = kids.map(({ type, kid }) => `  type ${type}  ${kid ?? '(not known to this version)'}`)
  return [`suite ${suite}, header of ${headerBytes} bytes, sealed to`, ...lines].join('\n')
}

/** As much as the longest header has, and what comes behind it. */
async function beginning(source: AsyncIterable<Uint8Array>) {
  const chunks = source[Symbol.asyncIterator]()
  const read: Uint8Array[] = []
  let length = 0
  while (length < MAX_HEADER_BYTES) {
    const { done, value } = await chunks.next()
    if (done === true) break
    read.push(value)
    length += value.length
  }
  return { start: Buffer.concat(read), rest: { [Symbol.asyncIterator]: () => chunks }, close: () => chunks.return?.() }
}

const calls: Readonly<Record<string, Call>> = {
  seal: { run: sealFile, takes: ['keyring', 'recipient', 'context', 'force'], files: 2 },
  open: { run: openFile, takes: ['keyring', 'context', 'force'], files: 2 },
  inspect: { run: inspectFile, takes: [], files: 1 },
  rewrap: { run: rewrapFile, takes: ['keyring', 'to-keyring', 'recipient', 'force'], files: 2 },
}

/** `countersign envelope …` */
export const envelope: Command = {
  usage: USAGE,
  async run([name = '', ...rest], io) {
    const call = Object.hasOwn(calls, name) ? calls[name] : undefined
    if (call === undefined)
      throw new Misuse(name === '' ? 'say what to do with an envelope' : `there is no command "envelope ${name}"`)
    await call.run(read(name, call, rest), io)
  },
}
