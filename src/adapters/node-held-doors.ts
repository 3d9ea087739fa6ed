import { ServerResponse } from 'node:http'

/** What a handler may pass to `write` and `end`, sorted out by who holds the answer. */
export type Written = [chunk: unknown, encoding: unknown, callback: unknown]

/** Who holds an answer back: Node's methods lead here instead of to the wire. */
export interface Held {
  writeHead(status: unknown, reason: unknown, headers: unknown): unknown
  flushHeaders(): unknown
  write(...given: Written): unknown
  end(...given: Written): unknown
}

const holders = new WeakMap<object, Held>()
const prototypes = new WeakMap<object, object>()
const NAMES = ['writeHead', 'writeHeader', 'flushHeaders', 'write', 'end']

/**
 * Puts a holder in place of the methods of an answer that lead to the wire: the same functions for every answer. On a
 * response whose prototype a framework has changed, each property that is added costs microseconds: there they go into
 * a prototype of their own, unless somebody has wrapped a method before, which has to stay nearer to the wire.
 */
export function hold(res: ServerResponse, holder: Held): void {
  holders.set(res, holder)
  const prototype: object = Object.getPrototypeOf(res)
  const isWrapped = NAMES.some((name) => Object.hasOwn(res, name))
  if (prototype === ServerResponse.prototype || isWrapped) setDoors(res)
  else Object.setPrototypeOf(res, heldPrototype(prototype))
}

function heldPrototype(prototype: object): object {
  const known = prototypes.get(prototype)
  if (known !== undefined) return known
  const made = Object.create(prototype)
  setDoors(made)
  prototypes.set(prototype, made)
  return made
}

// One by one: the signatures of Node are overloaded, and what is assigned as a whole makes the object slow.
function setDoors(target: object): void {
  const doors = target as Record<string, unknown>
  doors.writeHead = writeHead
  doors.writeHeader = writeHead
  doors.flushHeaders = flushHeaders
  doors.write = write
  doors.end = end
}

function writeHead(this: object, status?: unknown, reason?: unknown, headers?: unknown): unknown {
  return holders.get(this)?.writeHead(status, reason, headers)
}

function flushHeaders(this: object): unknown {
  return holders.get(this)?.flushHeaders()
}

function write(this: object, chunk?: unknown, encoding?: unknown, callback?: unknown): unknown {
  return holders.get(this)?.write(chunk, encoding, callback)
}

function end(this: object, chunk?: unknown, encoding?: unknown, callback?: unknown): unknown {
  return holders.get(this)?.end(chunk, encoding, callback)
}

/** The same, sorted out. */
export interface WriteArguments {
  readonly chunk: unknown
  readonly encoding: unknown
  readonly callback: (() => void) | undefined
}

/** Sorts out `(chunk?, encoding?, callback?)`, of which a handler may leave out any. */
export function argumentsOf(given: Written): WriteArguments {
  const chunk = given[0]
  const encoding = given[1]
  const callback = given[2]
  if (isCallback(chunk)) return { chunk: undefined, encoding: undefined, callback: chunk }
  if (isCallback(encoding)) return { chunk, encoding: undefined, callback: encoding }
  return { chunk, encoding, callback: isCallback(callback) ? callback : undefined }
}

function isCallback(value: unknown): value is () => void {
  return typeof value === 'function'
}

/** Node counts arguments: what was not given must not look as if it was. */
export function withoutTail(given: unknown[]): unknown[] {
  while (given.length > 0 && given[given.length - 1] === undefined) given.pop()
  return given
}
