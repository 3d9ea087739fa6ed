import { ServerResponse } from 'node:http'

/** The methods of an answer that lead to the wire. */
export type Doors = Pick<ServerResponse, 'writeHead' | 'write' | 'end' | 'flushHeaders'>

/** What a handler passes to one of them, sorted out by who holds the answer. */
export type Written = readonly unknown[]

/** Who holds an answer back: Node's methods lead here instead of to the wire. */
export interface Held {
  writeHead(given: Written): unknown
  flushHeaders(): unknown
  write(given: Written): unknown
  end(given: Written): unknown
}

const native = ServerResponse.prototype

/**
 * Makes the methods that stand in the doors, and the name under which an answer carries who holds it: an entry in a
 * `WeakMap` costs the garbage collector more (see call-of). Where nobody holds an answer they lead on to Node's own.
 */
function createDoors() {
  const HELD = Symbol('countersign.held')
  type Carrier = { [HELD]?: Held }
  return {
    give(res: object, holder: Held): void {
      const carrier = res as Carrier
      carrier[HELD] = holder
    },
    writeHead(this: Carrier, ...given: Written): unknown {
      const held = this[HELD]
      return held === undefined ? Reflect.apply(native.writeHead, this, given) : held.writeHead(given)
    },
    flushHeaders(this: Carrier): unknown {
      const held = this[HELD]
      return held === undefined ? Reflect.apply(native.flushHeaders, this, []) : held.flushHeaders()
    },
    write(this: Carrier, ...given: Written): unknown {
      const held = this[HELD]
      return held === undefined ? Reflect.apply(native.write, this, given) : held.write(given)
    },
    end(this: Carrier, ...given: Written): unknown {
      const held = this[HELD]
      return held === undefined ? Reflect.apply(native.end, this, given) : held.end(given)
    },
  }
}

/** Those of a single answer, and those of all answers of a framework: one kind may stand behind the other. */
const ownDoors = createDoors()
const sharedDoors = createDoors()

/**
 * Puts a holder in place of the methods of an answer that lead to the wire, and gives those that were there: whoever
 * wrapped them earlier is nearer to the wire.
 */
export function hold(res: ServerResponse, holder: Held): Doors {
  const { writeHead, flushHeaders, write, end } = res
  const root = rootOf(res)
  const isShared = hasDoors(root)
  // Where somebody has wrapped a method, for this answer or for all, the doors of this one stand in front of that.
  if (root === undefined || !(isShared ? isPlain(res, sharedDoors) : isPlain(res, native))) {
    ownDoors.give(res, holder)
    setDoors(res, ownDoors)
    return { writeHead, flushHeaders, write, end }
  }
  if (!isShared) setDoors(root, sharedDoors)
  sharedDoors.give(res, holder)
  return native
}

function hasDoors(root: object | undefined): boolean {
  return root !== undefined && 'end' in root && root.end === sharedDoors.end
}

function isPlain(res: ServerResponse, by: Readonly<Record<keyof Doors, unknown>>): boolean {
  const isHead = res.writeHead === by.writeHead && res.flushHeaders === by.flushHeaders
  return isHead && res.write === by.write && res.end === by.end
}

/**
 * What all answers of a framework inherit from, if they do. Express gives each answer another prototype, an inner app its
 * own, and after that every property that is added costs microseconds: so the doors stand there, once, where no inner app
 * takes them away.
 */
function rootOf(res: ServerResponse): object | undefined {
  let root: object | undefined
  for (let at: object | null = Object.getPrototypeOf(res); at !== native; at = Object.getPrototypeOf(at)) {
    // Condition: an answer that does not inherit from Node’s is held on its own, and nothing it inherits from is changed.
    if (at === null) return undefined
    root = at
  }
  return root
}

// One by one: the signatures of Node are overloaded, and what is assigned as a whole makes the object slow.
function setDoors(target: object, doors: ReturnType<typeof createDoors>): void {
  const slots = target as Record<string, unknown>
  slots.writeHead = doors.writeHead
  slots.writeHeader = doors.writeHead
  slots.flushHeaders = doors.flushHeaders
  slots.write = doors.write
  slots.end = doors.end
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
