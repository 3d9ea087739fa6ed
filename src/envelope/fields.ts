import { fromBase64url, toBase64url } from '../core/base64url.ts'
import { type Bytes, fromUtf8, utf8 } from '../core/bytes.ts'
import { checkGiven } from '../core/given.ts'
import type { EnvelopeContext } from './context.ts'
import { findPlaces, type JsonObject, type Place, parseFieldPath, pointerOf, withValues } from './field-path.ts'
import { optionInvalid } from './misuse.ts'
import { type OpenOptions, open } from './open.ts'
import { type SealOptions, seal } from './seal.ts'
import { checkContext } from './text.ts'
import { unopened } from './unopened.ts'

const MAX_DEPTH = 1000

interface Where {
  /**
   * Where the fields are: names with dots between them, `*` for every element or member, `?` at the end where there may
   * be none. A path that leads nowhere is an error: a misspelled one would leave a secret in the clear.
   */
  readonly paths: readonly string[]
  /** Which record this is: the tenant, the table, the id. The place of each field is added to it. */
  readonly context: EnvelopeContext
}

/** Which fields, to whom, and which record this is. */
export interface SealFieldsOptions extends Where, Omit<SealOptions, 'context'> {}

/** Which fields, by whom, and which record this is. */
export interface OpenFieldsOptions extends Where, Omit<OpenOptions, 'context'> {}

/**
 * Seals fields of a JSON record, each on its own, whatever JSON they are. Each becomes a text that opens in this record
 * and at this place alone: a value that was moved to another row, column or element does not open. Where an array is
 * put into another order its elements move, too.
 *
 * Which fields there are, and how long they are, stays visible.
 *
 * @returns a new record; the one that was given is not changed, and where anything fails there is none
 * @throws {CountersignError} `option-invalid` for a path that leads nowhere or a value that is no JSON; `key-invalid`
 * @example
 * const row = await sealFields(user, { paths: ['email', 'cards.*.number', 'note?'], to: keyring, context: { table: 'users', id: user.id } })
 * @see SVE1 §10.8
 */
export async function sealFields<T extends object>(record: T, options: SealFieldsOptions): Promise<T> {
  checkGiven(options, 'options')
  return change(record, options, async ({ value }, context) => {
    const sealed = await seal(utf8(jsonOf(value)), { to: options.to, context })
    return toBase64url(sealed)
  })
}

/**
 * Opens fields that `sealFields` sealed: the same paths, the same context. All of them open, or the call fails.
 *
 * @returns a new record; the one that was given is not changed
 * @throws {CountersignError} `unopened` for whatever is wrong with a field, `option-invalid`
 * @example
 * const user = await openFields(row, { paths: ['email', 'cards.*.number', 'note?'], with: keyring, context: { table: 'users', id: row.id } })
 * @see SVE1 §10.8
 */
export async function openFields<T extends object>(record: T, options: OpenFieldsOptions): Promise<T> {
  checkGiven(options, 'options')
  const { with: keyring, maxPlaintextBytes } = options
  const limit = maxPlaintextBytes === undefined ? {} : { maxPlaintextBytes }
  return change(record, options, async ({ value }, context) => {
    const bytes = typeof value === 'string' ? fromBase64url(value) : undefined
    // Condition: a field that is no sealed text does not open.
    if (bytes === undefined) throw unopened('malformed')
    return parsed(await open(bytes, { with: keyring, context, ...limit }))
  })
}

type Become = (place: Place, context: EnvelopeContext) => Promise<unknown>

async function change<T extends object>(record: T, { paths, context }: Where, become: Become): Promise<T> {
  checkContext(context)
  // Condition: a context that already says where a field is, is refused.
  if ('path' in context) throw optionInvalid('context.path', 'leave it out: it is the place of each field')
  // A record is plain data, whatever its type is called.
  const places = findPlaces(record as JsonObject, paths.map(parseFieldPath))
  const changed = await Promise.all(
    places.map(async (place) => ({
      keys: place.keys,
      value: await become(place, { ...context, path: pointerOf(place.keys) }),
    })),
  )
  return withValues(record, changed)
}

function jsonOf(value: unknown): string {
  // Condition: a field whose value JSON would change or lose is not sealed.
  if (!isJson(value))
    throw optionInvalid('record', 'make it JSON: text, finite numbers, booleans, null, arrays, objects')
  return JSON.stringify(value)
}

function isJson(value: unknown, depth = 0): boolean {
  const within = (part: unknown) => isJson(part, depth + 1)
  // Whatever goes on deeper than this goes in a circle.
  if (depth > MAX_DEPTH) return false
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return true
  if (typeof value === 'number') return Number.isFinite(value) && !Object.is(value, -0)
  if (typeof value !== 'object') return false
  if (Array.isArray(value)) return Array.from(value).every(within)
  return Object.getPrototypeOf(value) === Object.prototype && !('toJSON' in value) && Object.values(value).every(within)
}

function parsed(bytes: Bytes): unknown {
  try {
    return JSON.parse(fromUtf8(bytes))
  } catch {
    // Condition: an envelope of anything but JSON does not open as a field.
    throw unopened('malformed')
  }
}
