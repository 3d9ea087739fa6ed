import { advance } from '../core/advance.ts'
import { CountersignError } from '../core/errors.ts'
import { andThen, type MaybePromise, orElse } from '../core/maybe-promise.ts'
import { checkOptions } from '../core/options.ts'
import { anonymous } from '../identity/peer.ts'
import { type Located, locateUrl } from './call-url.ts'
import type { Engine } from './engine.ts'
import { attemptByPeerClock, type CallResult, isSafe } from './outbound/attempt.ts'
import type { CallOptions } from './outbound/call-options.ts'
import { createDeadline } from './outbound/deadline.ts'
import { type Destination, resolve, type SecureInit } from './outbound/resolve.ts'
import { callOptionsSchema } from './outbound/schema.ts'
import type { Resolved } from './outbound/stages.ts'

const MAX_REDIRECTS = 5
/** The redirects of fetch; other statuses may name a location for other reasons. */
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])

/** What the application handed to its secured fetch. */
export interface Wanted {
  readonly input: string | URL | Request
  readonly init: SecureInit | undefined
  readonly defaults: CallOptions
}

/** Makes one secured call: resolve, seal, sign, send, verify, open. Redirects are returned unless asked otherwise. */
export function call(engine: Engine, destination: Destination, wanted: Wanted): MaybePromise<CallResult> {
  engine.assertOpen()
  const { input, init } = wanted
  const options = optionsOf(wanted.defaults, init?.countersign)
  const resolved = orElse(
    () => resolve(destination, { input, init, options }),
    (cause) => {
      abandonBody(init?.body)
      throw cause
    },
  )
  return andThen(resolved, (first) => {
    // Most calls wait for ever: a signal of our own, and its timer, are made where one can fire.
    const isEndless = first.signal === undefined && options.timeoutMs === undefined
    return isEndless ? follow(engine, first, 0) : followInTime(engine, first)
  })
}

/** A call that is refused where it is made does not keep open what it was to send. */
function abandonBody(body: unknown): void {
  if (typeof body !== 'object' || body === null) return
  if (body instanceof ReadableStream) {
    if (!body.locked) body.cancel().catch(() => undefined)
  } else if ('destroy' in body && typeof body.destroy === 'function') body.destroy()
}

async function followInTime(engine: Engine, first: Resolved): Promise<CallResult> {
  const deadline = createDeadline(first.signal, first.options.timeoutMs)
  try {
    deadline.signal.throwIfAborted()
    const result = await follow(engine, advance(first, { signal: deadline.signal }), 0)
    // The time of a stream is over when its body has ended.
    if (result.stream === undefined) deadline.clear()
    else void result.stream.ended.then(() => deadline.clear())
    return result
  } catch (cause) {
    deadline.clear()
    first.source?.cancel(cause).catch(() => undefined)
    throw cause
  }
}

/** What is given as undefined is not given: it takes nothing away from what the client was made with. */
function optionsOf(defaults: CallOptions, given: CallOptions | undefined): CallOptions {
  if (given === undefined) return defaults
  const checked = checkOptions(callOptionsSchema, given, 'countersign')
  return { ...defaults, ...Object.fromEntries(Object.entries(checked).filter(([, value]) => value !== undefined)) }
}

function follow(engine: Engine, resolved: Resolved, hops: number): MaybePromise<CallResult> {
  return andThen(attemptByPeerClock(engine, resolved), (result) => {
    const led = redirectOf(resolved, result)
    if (led === undefined) return result
    const { url } = led
    // Condition: a redirect is followed only within the same peer, and for GET and HEAD.
    const isDowngrade = resolved.url.protocol === 'https:' && url.protocol !== 'https:'
    const isSamePeer = url.origin === resolved.url.origin || engine.peerAt(url) === resolved.peer
    letGo(result)
    if (!isSafe(resolved) || hops >= MAX_REDIRECTS || isDowngrade || !isSamePeer) {
      throw new CountersignError('redirect-refused', { callId: result.callId })
    }
    return follow(engine, { ...resolved, url, target: led.target }, hops + 1)
  })
}

/** Nobody reads the body of an answer that leads elsewhere. */
function letGo({ stream }: CallResult): void {
  stream?.cancel().catch(() => undefined)
}

/** Where the answer leads, if it is a redirect that the call wants followed. Its location is covered, or it is not seen. */
function redirectOf(resolved: Resolved, result: CallResult): Located | undefined {
  const { answer, callId, peer } = result
  const location = answer.fields.get('location')
  const isRedirect = REDIRECTS.has(answer.status) && location !== undefined
  // Where observing let an answer pass that nobody has proven, nobody has said where it leads.
  if (!isRedirect || resolved.redirect === 'manual' || peer === anonymous) return undefined
  if (resolved.redirect === 'error') {
    letGo(result)
    throw new CountersignError('redirect-refused', { callId })
  }
  try {
    return locateUrl(new URL(location, resolved.url.href))
  } catch (cause) {
    letGo(result)
    throw new CountersignError('redirect-refused', { cause, callId })
  }
}
