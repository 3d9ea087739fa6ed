import { platform } from '#platform'
import { fromUtf8 } from '../../core/bytes.ts'
import { isCountersignError } from '../../core/errors.ts'
import type { MaybePromise } from '../../core/maybe-promise.ts'
import { DISCOVERY_PATH } from '../discovery-path.ts'
import type { Engine } from '../engine.ts'
import type { HttpAnswer } from '../http-answer.ts'
import { createDeadline, orAborted } from './deadline.ts'
import { type OwnRequest, ownCall } from './own-call.ts'
import type { Resolved } from './stages.ts'

const QUESTION: OwnRequest = { path: DISCOVERY_PATH, method: 'GET', fields: [] }
const REDISCOVER_MS = 300_000
const RETRY_MS = 5_000
const PATIENCE_MS = 5_000

/** One attempt of a call: given, because the attempt that needs discovery is what discovery is made with. */
export type Attempt = (engine: Engine, call: Resolved) => MaybePromise<{ readonly answer: HttpAnswer }>

/**
 * Asks the peer what it speaks: one question at a time, answered for five minutes, after a failure for five seconds. Its
 * failure changes nothing: what must be sealed still must.
 */
export async function discover(engine: Engine, call: Resolved, attempt: Attempt): Promise<void> {
  const known = engine.peers.of(call.peer)
  if (platform.monotonicMs() < known.discoverAfterMs) return
  known.discovering ??= ask(engine, call, attempt).finally(() => {
    known.discovering = undefined
  })
  await orAborted(known.discovering, call.signal)
}

async function ask(engine: Engine, call: Resolved, attempt: Attempt): Promise<void> {
  const known = engine.peers.of(call.peer)
  // One caller's abort is not another's, and a question nobody answers does not keep them all waiting.
  const deadline = createDeadline(undefined, PATIENCE_MS)
  let isAnswered = false
  try {
    const { answer } = await attempt(engine, { ...ownCall(call, QUESTION), signal: deadline.signal })
    if (answer.status === 200 && saysSeal(answer)) known.demandsSeal = true
    isAnswered = answer.status === 200 || answer.status === 404
  } catch (cause) {
    if (!isCountersignError(cause)) throw cause
  } finally {
    deadline.clear()
    known.discoverAfterMs = isAnswered ? knowsForMs() : platform.monotonicMs() + RETRY_MS
  }
}

/** Until when what a peer said of itself is good, on the monotonic clock. */
export function knowsForMs(): number {
  return platform.monotonicMs() + REDISCOVER_MS
}

function saysSeal(answer: HttpAnswer): boolean {
  if (answer.body === undefined || answer.body.length > 1024) return false
  try {
    const document: unknown = JSON.parse(fromUtf8(answer.body))
    return document !== null && typeof document === 'object' && 'seal' in document && document.seal === true
  } catch {
    return false
  }
}
