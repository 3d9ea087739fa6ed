import { Duplex } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { openTransform, sealTransform } from '../adapters/node-envelope.ts'
import { MAX_HEADER_BYTES } from '../envelope/header.ts'
import { type EnvelopeSummary, inspect } from '../envelope/inspect.ts'
import { rewrap } from '../envelope/rewrap.ts'
import { argumentsOf, type Command, type Io, Misuse } from './command.ts'
import { contextOf, recipientsIn, withKeyring } from './envelope-options.ts'
import { readFrom, writeTo } from './files.ts'
import { interruptible } from './interruption.ts'
import { progress } from './progress.ts'

const USAGE = `countersign envelope seal    --keyring <file> [--context name=value …] [<in> [<out>]]
countersign envelope open    --keyring <file> [--context name=value …] [<in> [<out>]]
countersign envelope inspect [--json] [<in>]
countersign envelope rewrap  --keyring <file> [--to-keyring <file>] [<in> [<out>]]

  seal     seals what it reads, of any size, to the primary key of the keyring
  open     opens it again; what is not whole and unchanged is an error
  inspect  tells to whom an envelope was sealed; proves nothing and needs no key
  rewrap   gives it other recipients; the body stays as it is

  --keyring <file>     { "primary": "<kid>", "keys": { "<kid>": <JWK> } }; keys come from files alone
  --to-keyring <file>  the keyring to seal to, where it is another one
  --recipient <file>   a public JWK to seal to, instead of a keyring or besides; more than once
  --context n=v        what the envelope belongs to; to open it the same is needed
  --force              overwrites <out>
  --json               prints JSON

  <in> and <out> are files; "-", or nothing, is what is piped. A file gets its name when all of it is there.
`

const OPTIONS = {
  keyring: { type: 'string' },
  'to-keyring': { type: 'string' },
  recipient: { type: 'string', multiple: true },
  context: { type: 'string', multiple: true },
  force: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
} as const

function read(args: readonly string[]) {
  const { values, positionals } = argumentsOf(args, OPTIONS)
  const [input = '-', output = '-', ...more] = positionals
  if (more.length > 0) throw new Misuse(`there is one input and one output: "${more.join(' ')}" is too many`)
  const { recipient = [], context = [] } = values
  return { ...values, recipient, context, input, output }
}

type Given = ReturnType<typeof read>

async function sealFile(given: Given, io: Io): Promise<void> {
  const others = await recipientsIn(given.recipient)
  const path = given['to-keyring'] ?? given.keyring
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
  )
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
  const { pieces } = await readFrom(given.input, io)
  const { start, close } = await beginning(pieces)
  await close()
  const { suite, kids, headerBytes } = inspect(start)
  const told = given.json ? JSON.stringify({ suite, kids, headerBytes }) : textOf({ suite, kids, headerBytes })
  io.stdout.write(`${told}\n`)
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

const commands: Readonly<Record<string, (given: Given, io: Io) => Promise<void>>> = {
  seal: sealFile,
  open: openFile,
  inspect: inspectFile,
  rewrap: rewrapFile,
}

/** `countersign envelope …` */
export const envelope: Command = {
  usage: USAGE,
  async run([name = '', ...rest], io) {
    const command = Object.hasOwn(commands, name) ? commands[name] : undefined
    if (command === undefined) throw new Misuse(`there is no command "envelope ${name}"`)
    await command(read(rest), io)
  },
}
