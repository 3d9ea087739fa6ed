import { systemClock } from '../core/clock.ts'
import { isCountersignError } from '../core/errors.ts'
import { type CreatedApiKey, createApiKey } from '../peer/api-key/create-api-key.ts'
import type { CreateApiKeyOptions } from '../peer/api-key/create-api-key-options.ts'
import { lastUsePath, readLastUses } from '../peer/api-key/last-use.ts'
import type { ApiKeyEntry, ApiKeyRecord } from '../peer/api-key/record.ts'
import { DAY_SECONDS, endOf, idOf, MOST_SECONDS, NEVER, optionOf, secondsOf } from './api-key-arguments.ts'
import { type Change, changeKeys, type KeysById, readKeys } from './api-key-file.ts'
import { stateOf, tableOf } from './api-key-list.ts'
import { argumentsOf, type Command, type Io, Misuse, print, wrong } from './command.ts'

const USAGE = `countersign keys api create --file <file> --owner <owner> [--scope <scope> …] [--expires <when>] [--json]
countersign keys api create --file <file> --rotate <id> [--overlap <seconds>] [--expires <when>] [--json]
countersign keys api list   --file <file> [--last-use <file>] [--json]
countersign keys api revoke --file <file> <id> … [--json]

  create  makes an API key and prints it, this once: the file gets a hash of it
  list    tells of all keys whose they are, when they end and when they were last used
  revoke  ends keys at once; a service that follows the file refuses them within seconds

  --file <file>        the keys, as apiKeyFile(path) reads them; "create" makes it where there is none
  --owner <owner>      whose key it is: the caller is api-key:<owner>
  --scope <scope>      what a policy may ask for; more than once
  --expires <when>     a date and time with an offset, such as 2027-03-01T00:00:00Z, or "${NEVER}", the default
  --rotate <id>        a new key with owner and scopes of this one, which ends when the overlap is over
  --overlap <seconds>  how long the old key holds besides; default ${DAY_SECONDS}, at most ${MOST_SECONDS}
  --last-use <file>    where the service writes when keys were used, if not beside the keys
  --json               prints JSON; of any command, where it fails
`

const OPTIONS = {
  file: { type: 'string' },
  owner: { type: 'string' },
  scope: { type: 'string', multiple: true },
  expires: { type: 'string' },
  rotate: { type: 'string' },
  overlap: { type: 'string' },
  'last-use': { type: 'string' },
  json: { type: 'boolean' },
} as const

interface Call {
  readonly run: (given: Given, io: Io) => Promise<void>
  /** The options it takes, besides --file and --json. */
  readonly takes: readonly (keyof typeof OPTIONS)[]
  readonly takesIds: boolean
}

function read(name: string, { takes, takesIds }: Call, args: readonly string[]) {
  const { values, positionals: ids } = argumentsOf(args, OPTIONS)
  const { json = false, file, ...options } = values
  for (const option of Object.keys(options) as (keyof typeof options)[]) {
    // Condition: an option that a command about API keys does not take is refused.
    if (!takes.includes(option)) throw new Misuse(`"keys api ${name}" takes no --${option}: leave it out`)
  }
  // Condition: a command about API keys that names no file is refused.
  if (file === undefined || file === '') throw new Misuse('name the file of keys with --file')
  // Condition: an argument that a command about API keys does not take, or lacks, is refused.
  if (takesIds !== ids.length > 0)
    throw new Misuse(takesIds ? 'name the ids of keys' : `"keys api ${name}" takes options alone`)
  return { ...options, json, file, ids }
}

type Given = ReturnType<typeof read>

/** What `create` has made. */
interface Made extends CreatedApiKey {
  readonly replaced?: ApiKeyRecord
}

async function create(given: Given, io: Io): Promise<void> {
  const { file, rotate, owner, overlap } = given
  // Condition: a new API key is either somebody's or takes the place of another.
  if ((owner === undefined) === (rotate === undefined))
    throw new Misuse('give --owner, or --rotate for a key that is there')
  if (rotate !== undefined && given.scope !== undefined)
    throw new Misuse('--rotate keeps the scopes: leave out --scope')
  if (rotate === undefined && overlap !== undefined) throw new Misuse('--overlap goes with --rotate')
  const end = endOf(given.expires)
  const seconds = secondsOf(overlap)
  const made = await changeKeys<Made>(file, { mayMake: rotate === undefined }, (keys) =>
    rotate === undefined
      ? add(keys, { owner: owner ?? '', scopes: given.scope ?? [], ...end })
      : replace(keys, given, { id: idOf(rotate), seconds, end }),
  )
  await show(made, given, io)
}

async function add(keys: KeysById, options: CreateApiKeyOptions): Promise<Change<Made>> {
  const made = await createApiKey(options).catch((error: unknown) => {
    throw isCountersignError(error) ? wrong(optionOf(error.detail.option), error.detail.fix ?? 'invalid') : error
  })
  return { keys: new Map([...keys, [made.record.id, made.record]]), result: made }
}

interface Rotation {
  readonly id: string
  /** How long the old key holds besides. */
  readonly seconds: number
  readonly end: Pick<CreateApiKeyOptions, 'expiresAt'>
}

async function replace(
  keys: KeysById,
  { file, expires }: Given,
  { id, seconds, end }: Rotation,
): Promise<Change<Made>> {
  const old = recordOf(keys, id, file)
  const now = systemClock.now()
  const state = stateOf(old, now)
  // Condition: an API key that holds no more is not rotated.
  if (state !== 'live') throw wrong('--rotate', `the key is ${state}: make a new one with --owner`)
  // Condition: a rotation does not quietly make an API key that never ends from one that does.
  if (old.expiresAt !== undefined && expires === undefined)
    throw wrong('--expires', `the key to rotate has an end: give that of the new one, or "${NEVER}"`)
  const { owner, scopes, expiresAt = Number.POSITIVE_INFINITY } = old
  const added = await add(keys, { owner, scopes, ...end })
  const replaced = { ...old, expiresAt: Math.min(now + seconds * 1000, expiresAt) }
  return { keys: new Map([...added.keys, [id, replaced]]), result: { ...added.result, replaced } }
}

async function show({ key, record, replaced }: Made, { json }: Given, io: Io): Promise<void> {
  const { hash: _, ...facts } = record
  const old = replaced && { id: replaced.id, expiresAt: replaced.expiresAt }
  const text = json ? JSON.stringify({ key, ...facts, ...(old === undefined ? {} : { replaces: old }) }) : key
  try {
    await print(io.stdout, `${text}\n`)
  } catch (error) {
    if (!isCountersignError(error)) throw error
    // Condition: an API key that could not be shown is told of, so that it is not left lying about.
    throw wrong(error.detail.option ?? '', `${error.detail.fix}: key ${record.id} is made and nobody has it: revoke it`)
  }
  if (io.stderr.isTTY === true && !json) io.stderr.write(`key ${record.id} of ${record.owner}: it is not shown again\n`)
}

async function list({ file, json, ...given }: Given, io: Io): Promise<void> {
  const keys = await readKeys(file)
  const uses = await readLastUses(given['last-use'] ?? lastUsePath(file))
  const now = systemClock.now()
  const entries = [...keys.values()].map((record): ApiKeyEntry => {
    const lastUsedAt = uses.get(record.id)
    return lastUsedAt === undefined ? record : { ...record, lastUsedAt }
  })
  const facts = entries.map((entry) => {
    const { hash: _, ...rest } = entry
    return { ...rest, state: stateOf(entry, now) }
  })
  await print(io.stdout, json ? `${JSON.stringify({ keys: facts })}\n` : tableOf(entries, now))
}

async function revoke({ file, ids, json }: Given, io: Io): Promise<void> {
  const named = new Set(ids.map(idOf))
  const revoked = await changeKeys(file, { mayMake: false }, (keys) => {
    const now = systemClock.now()
    const result = [...named].map((id) => ({ revokedAt: now, ...recordOf(keys, id, file) }))
    return { keys: new Map([...keys, ...result.map((record) => [record.id, record] as const)]), result }
  })
  const facts = revoked.map(({ id, owner, revokedAt }) => ({ id, owner, revokedAt }))
  const lines = facts.map(({ id, owner }) => `revoked ${id} of ${owner}\n`)
  await print(io.stdout, json ? `${JSON.stringify({ revoked: facts })}\n` : lines.join(''))
}

function recordOf(keys: KeysById, id: string, file: string): ApiKeyRecord {
  const record = keys.get(id)
  // Condition: an id of which the file knows no API key changes nothing.
  if (record === undefined) throw wrong(file, `it has no key ${id}: "list" names those it has`)
  return record
}

const calls: Readonly<Record<string, Call>> = {
  create: { run: create, takes: ['owner', 'scope', 'expires', 'rotate', 'overlap'], takesIds: false },
  list: { run: list, takes: ['last-use'], takesIds: false },
  revoke: { run: revoke, takes: [], takesIds: true },
}

/** `countersign keys api …` */
export const apiKeys: Command = {
  usage: USAGE,
  async run([name = '', ...rest], io) {
    const call = Object.hasOwn(calls, name) ? calls[name] : undefined
    if (call === undefined)
      throw new Misuse(name === '' ? 'say what to do with API keys' : `there is no command "keys api ${name}"`)
    await call.run(read(name, call, rest), io)
  },
}
