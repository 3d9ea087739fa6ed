import { CountersignError } from '../../core/errors.ts'
import type { Engine } from '../engine.ts'
import { fieldsOf, headersOf, readStream } from '../whatwg.ts'
import type { Received, Signed } from './stages.ts'

const DEFAULT_MAX_ANSWER_BYTES = 16_777_216

/** Delivers the request and reads the whole answer, bounded in size and time. */
export async function send(engine: Engine, call: Signed): Promise<Received> {
  try {
    const response = await engine.transport(call.url.origin + call.target.target, {
      method: call.method,
      headers: headersOf(call.request.fields),
      body: call.bytes ?? null,
      redirect: 'manual',
      signal: call.signal ?? null,
    })
    // Condition: an answer of a status that no response can have is refused.
    if (response.status < 200 || response.status > 599)
      throw new CountersignError('answer-malformed', { detail: { step: 'status' } })
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
    if (cause instanceof CountersignError) throw cause
    throw new CountersignError('transport-failed', { cause, outcome: 'unknown' })
  }
}
