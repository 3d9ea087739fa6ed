import { optionInvalid } from './misuse.ts'

/** Where fields are in a record: names and asterisks, and whether there may be none. */
export interface FieldPath {
  readonly text: string
  readonly segments: readonly string[]
  readonly isOptional: boolean
}

/** One field of a record: the keys that lead there, and what is there. */
export interface Place {
  readonly keys: readonly string[]
  readonly value: unknown
}

export type JsonObject = Readonly<Record<string, unknown>>

/** Reads a path such as `payment.iban`, `items.*.sku` or, where there may be none, `note?`. */
export function parseFieldPath(text: string): FieldPath {
  // Condition: a path of fields that is empty or has an empty segment is refused.
  if (typeof text !== 'string' || !/^[^.?]+(?:\.[^.?]+)*\??$/.test(text)) {
    throw optionInvalid(
      'paths',
      'write names with dots between them, * for every one, ? at the end where there may be none',
    )
  }
  const isOptional = text.endsWith('?')
  return { text, segments: (isOptional ? text.slice(0, -1) : text).split('.'), isOptional }
}

/** All places in a record that these paths lead to. */
export function findPlaces(record: JsonObject, paths: readonly FieldPath[]): readonly Place[] {
  const places = new Map<string, Place>()
  for (const { text, segments, isOptional } of paths) {
    const found = walk({ keys: [], value: record }, segments)
    // Condition: a path that leads to no field is refused where it is not marked optional.
    if (found.length === 0 && !isOptional) {
      throw optionInvalid('paths', `nothing is at "${text}": correct it, or write "${text}?" where that may be`)
    }
    for (const place of found) places.set(pointerOf(place.keys), place)
  }
  checkApart([...places.keys()])
  return [...places.values()]
}

function walk(place: Place, segments: readonly string[]): readonly Place[] {
  const [segment, ...rest] = segments
  if (segment === undefined) return [place]
  const { keys, value } = place
  if (!isContainer(value)) return []
  const names = segment === '*' ? Object.keys(value) : Object.hasOwn(value, segment) ? [segment] : []
  // The keys of an array are its indexes; its length is none of them.
  const own = names.filter((name) => !Array.isArray(value) || /^[0-9]+$/.test(name))
  return own.flatMap((name) => walk({ keys: [...keys, name], value: value[name] }, rest))
}

/** What can be gone into: an array or a plain object. */
function isContainer(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false
  const prototype = Object.getPrototypeOf(value)
  return Array.isArray(value) || prototype === Object.prototype || prototype === null
}

function checkApart(pointers: readonly string[]): void {
  const sorted = pointers.toSorted()
  for (let i = 1; i < sorted.length; i++) {
    // Condition: paths of which one leads into what another one seals are refused.
    if ((sorted[i] as string).startsWith(`${sorted[i - 1]}/`)) {
      throw optionInvalid('paths', `"${sorted[i]}" is within "${sorted[i - 1]}": name one of them`)
    }
  }
}

/** A place as a JSON Pointer (RFC 6901). */
export function pointerOf(keys: readonly string[]): string {
  return keys.map((key) => `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}

/** The record with other values at these places. What is not on the way to one is shared with what was given. */
export function withValues<T>(record: T, changed: readonly Place[]): T {
  let copy = record
  for (const { keys, value } of changed) copy = withValue(copy, keys, value) as T
  return copy
}

function withValue(owner: unknown, [key, ...rest]: readonly string[], value: unknown): unknown {
  if (key === undefined) return value
  // Found by walking there, so each owner is an array or a plain object.
  const container = owner as Record<string, unknown>
  const copy: object = Array.isArray(container) ? [...container] : { ...container }
  const next = withValue(container[key], rest, value)
  // Not by assignment: a member may be called "__proto__".
  Object.defineProperty(copy, key, { value: next, writable: true, enumerable: true, configurable: true })
  return copy
}
