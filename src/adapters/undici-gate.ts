import type { Dispatcher } from 'undici'

type Handler = Dispatcher.DispatchHandler
type Member = (...given: unknown[]) => unknown

/** Both shapes that undici 7 calls for a request: Node's own fetch may bring the older one. */
const MEMBERS = [
  ...['onRequestStart', 'onRequestUpgrade', 'onResponseStart', 'onResponseData', 'onResponseEnd', 'onResponseError'],
  ...['onConnect', 'onUpgrade', 'onResponseStarted', 'onHeaders', 'onData', 'onComplete', 'onError'],
  ...['onBodySent', 'onRequestSent'],
]

const NOT_HERE = new Error('The request was not sent over this connection.')

/** What happens to a request that goes through a gate. */
export interface GateKeeper {
  /** Whether it may be written to the connection that was found for it. */
  isOpen(): boolean
  /** It may not: nothing of it was sent, and its handler does not know. */
  onTurned(): void
  /** It came to its end, one way or the other. */
  onOver(): void
}

function isNewShape(handler: Handler): boolean {
  return typeof handler.onRequestStart === 'function'
}

/** Wraps a handler: it is asked once more, at the moment its request is about to be written. */
export function gated(handler: Handler, keeper: GateKeeper): Handler {
  const given = handler as Readonly<Record<string, unknown>>
  const members: Record<string, Member> = {}
  for (const name of MEMBERS) {
    const member = given[name]
    if (typeof member === 'function') members[name] = (member as Member).bind(handler)
  }
  const [start, end, fail] = isNewShape(handler)
    ? ['onRequestStart', 'onResponseEnd', 'onResponseError']
    : ['onConnect', 'onComplete', 'onError']
  let isOver = false
  const over = () => {
    if (!isOver) keeper.onOver()
    isOver = true
  }
  return {
    ...members,
    [start]: (...args: unknown[]) => {
      // A throw leaves the connection as it is, and is what `fail` gets.
      if (!keeper.isOpen()) throw NOT_HERE
      return members[start]?.(...args)
    },
    [end]: (...args: unknown[]) => {
      over()
      return members[end]?.(...args)
    },
    [fail]: (...args: unknown[]) => {
      over()
      if (args.includes(NOT_HERE)) return keeper.onTurned()
      return members[fail]?.(...args)
    },
  } as Handler
}

/** Tells a handler that its request has failed. */
export function failHandler(handler: Handler, cause: unknown): void {
  const error = cause as Error
  // Nothing was begun that could be controlled: undici itself gives nothing here either.
  if (isNewShape(handler)) handler.onResponseError?.(undefined as unknown as Dispatcher.DispatchController, error)
  else handler.onError?.(error)
}
