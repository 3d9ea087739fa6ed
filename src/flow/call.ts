import { targetOf } from '../core/canonical.ts'
import { CountersignError } from '../core/errors.ts'
import { checkOptions } from '../core/options.ts'
import type { Engine } from './engine.ts'
import { attempt, type CallResult } from './outbound/attempt.ts'
import type { CallOptions } from './outbound/call-options.ts'
import { type Destination, resolve, type SecureInit } from './outbound/resolve.ts'
import { callOptionsSchema } from './outbound/schema.ts'
import type { Resolved } from './outbound/stages.ts'
import { readProblemKind } from './problem.ts'

const MAX_REDIRECTS = 5

/** What the application handed to its secured fetch. */
export interface Wanted {
  readonly input: string | URL | Request
  readonly init: SecureInit | undefined
  readonly defaults: CallOptions
}

/** Makes one secured call: resolve, seal, sign, send, verify, open. Redirects are returned unless asked otherwise. */
export async function call(engine: Engine, destination: Destination, wanted: Wanted): Promise<CallResult> {
  engine.assertOpen()
  const { input, init } = wanted
  const own = init?.countersign === undefined ? {} : checkOptions(callOptionsSchema, init.countersign, 'countersign')
  let resolved = await resolve(destination, { input, init, options: { ...wanted.defaults, ...own } })
  resolved.signal?.throwIfAborted()
  for (let hops = 0; ; hops++) {
    const result = await attemptByPeerClock(engine, resolved)
    const url = redirectOf(resolved, result)
    if (url === undefined) return result
    // Condition: a redirect is followed only within the same peer, and for GET and HEAD.
    if (!isSafe(resolved) || hops >= MAX_REDIRECTS || destination.peerAt(url) !== resolved.peer) {
      throw new CountersignError('redirect-refused', { callId: result.callId })
    }
    resolved = { ...resolved, url, target: targetOf(url) }
  }
}

function isSafe(resolved: Resolved): boolean {
  return resolved.method === 'GET' || resolved.method === 'HEAD'
}

/** Where the answer leads, if it is a redirect that the call wants followed. Its location is covered, or it is not seen. */
function redirectOf(resolved: Resolved, { answer, callId }: CallResult): URL | undefined {
  const location = answer.fields.get('location')
  const isRedirect = answer.status >= 300 && answer.status < 400 && location !== undefined
  if (!isRedirect || resolved.redirect === 'manual') return undefined
  if (resolved.redirect === 'error') throw new CountersignError('redirect-refused', { callId })
  try {
    return new URL(location, resolved.url)
  } catch (cause) {
    throw new CountersignError('redirect-refused', { cause, callId })
  }
}

/** A safe call that was refused for its clock repeats itself once, by the peer's clock. */
async function attemptByPeerClock(engine: Engine, resolved: Resolved): Promise<CallResult> {
  const before = engine.peers.of(resolved.peer).clockOffsetSeconds
  const result = await attempt(engine, resolved)
  if (!isSafe(resolved) || result.answer.status !== 400) return result
  const shift = Math.abs(engine.peers.of(resolved.peer).clockOffsetSeconds - before)
  const kind = readProblemKind(result.answer.fields.get('content-type'), result.answer.body)
  const isClock = shift > engine.toleranceSeconds && (kind === 'unauthenticated' || resolved.method === 'HEAD')
  return isClock ? attempt(engine, resolved) : result
}
