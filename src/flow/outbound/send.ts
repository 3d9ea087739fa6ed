import { CountersignError } from '../../core/errors.ts'
import type { Engine } from '../engine.ts'
import { fieldsOf, headersOf, readStream } from '../whatwg.ts'
import type { Received, Signed } from './stages.ts'

const DEFAULT_MAX_ANSWER_BYTES = 16_777_216

/** Delivers the request and reads the whole answer, bounded in size and time. */
export async function send(engine: Engine, call: Signed): Promise<Received> {
  const deadline = createDeadline(call.signal, call.options.timeoutMs)
  try {
    const response = await engine.transport(call.url.origin + call.target.target, {
      method: call.method,
      headers: headersOf(call.request.fields),
      body: call.bytes ?? null,
      redirect: 'manual',
      signal: deadline.signal,
    })
    const body = await readStream(response.body, call.options.maxAnswerBytes ?? DEFAULT_MAX_ANSWER_BYTES)
    // Condition: an answer that is larger than the limit is refused.
    if (body === 'too-large') throw new CountersignError('answer-too-large', { detail: { step: 'size' } })
    const answer = {
      status: response.status,
      fields: fieldsOf(response.headers),
      body: body.length === 0 ? undefined : body,
    }
    return { ...call, answer }
  } catch (cause) {
    call.signal?.throwIfAborted()
    if (deadline.hasPassed()) throw new CountersignError('timed-out', { cause, outcome: 'unknown' })
    if (cause instanceof CountersignError) throw cause
    throw new CountersignError('transport-failed', { cause, outcome: 'unknown' })
  } finally {
    deadline.clear()
  }
}

interface Deadline {
  readonly signal: AbortSignal
  hasPassed(): boolean
  clear(): void
}

function createDeadline(signal: AbortSignal | undefined, timeoutMs: number | undefined): Deadline {
  const controller = new AbortController()
  let passed = false
  const onAbort = () => controller.abort(signal?.reason)
  if (signal?.aborted === true) onAbort()
  signal?.addEventListener('abort', onAbort)
  const expire = () => {
    passed = true
    controller.abort()
  }
  const timer = timeoutMs === undefined ? undefined : setTimeout(expire, timeoutMs)
  return {
    signal: controller.signal,
    hasPassed: () => passed,
    clear() {
      signal?.removeEventListener('abort', onAbort)
      if (timer !== undefined) clearTimeout(timer)
    },
  }
}
