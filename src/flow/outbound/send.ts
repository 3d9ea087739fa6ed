import { advance } from '../../core/advance.ts'
import { CountersignError } from '../../core/errors.ts'
import { andThen, type MaybePromise, orElse, settle } from '../../core/maybe-promise.ts'
import { Fields } from '../../core/message.ts'
import type { Engine, ExchangeAnswer, Transport } from '../engine.ts'
import { fieldsOf, headersOf, readStream } from '../whatwg.ts'
import type { Received, Signed } from './stages.ts'

const DEFAULT_MAX_ANSWER_BYTES = 16_777_216

/** Delivers the request and reads the whole answer, bounded in size and time. */
export function send(engine: Engine, call: Signed): MaybePromise<Received> {
  const maxBytes = call.options.maxAnswerBytes ?? DEFAULT_MAX_ANSWER_BYTES
  return orElse(
    () => andThen(deliver(engine.transport, call, maxBytes), (came) => receive(call, came, maxBytes)),
    (cause) => {
      call.signal?.throwIfAborted()
      if (cause instanceof CountersignError) throw cause
      throw new CountersignError('transport-failed', { cause, outcome: 'unknown' })
    },
  )
}

function receive(call: Signed, { status, fields, body }: Came, maxBytes: number): Received {
  // Condition: an answer that is larger than the limit is refused.
  if (body === 'too-large' || body.length > maxBytes) {
    throw new CountersignError('answer-too-large', { detail: { step: 'size' } })
  }
  return advance(call, { answer: { status, fields, body: body.length === 0 ? undefined : body } })
}

type Came = Omit<ExchangeAnswer, 'fields'> & { readonly fields: Fields }

function deliver(transport: Transport, call: Signed, maxBytes: number): MaybePromise<Came> {
  if (transport.exchange === undefined) return fetchOver(transport, call, maxBytes)
  const { url, target, method, request, bytes: body, signal } = call
  const wanted = {
    origin: url.origin,
    target: target.target,
    method,
    fields: request.fields.raw,
    body,
    signal,
    maxBytes,
  }
  return andThen(settle(transport.exchange(wanted)), (answer) => ({
    status: finalStatus(answer.status),
    fields: new Fields(answer.fields),
    body: answer.body,
  }))
}

async function fetchOver(transport: Transport, call: Signed, maxBytes: number): Promise<Came> {
  const response = await transport(call.url.origin + call.target.target, {
    method: call.method,
    headers: headersOf(call.request.fields),
    body: call.bytes ?? null,
    redirect: 'manual',
    signal: call.signal ?? null,
  })
  const status = finalStatus(response.status)
  return { status, fields: fieldsOf(response.headers), body: await readStream(response.body, maxBytes) }
}

function finalStatus(status: number): number {
  // Condition: an answer of a status that no response can have is refused.
  if (status < 200 || status > 599) throw new CountersignError('answer-malformed', { detail: { step: 'status' } })
  return status
}
