import { advance } from '../../core/advance.ts'
import type { Bytes } from '../../core/bytes.ts'
import { CountersignError } from '../../core/errors.ts'
import { andThen, type MaybePromise, orElse, settle } from '../../core/maybe-promise.ts'
import { Fields } from '../../core/message.ts'
import { type ByteSource, sourceOf, streamOf } from '../byte-source.ts'
import type { Engine, ExchangeAnswer, Transport } from '../engine.ts'
import { announcesStream } from '../envelope-field.ts'
import { fieldsOf, headersOf, readStream } from '../whatwg.ts'
import type { Received, Signed } from './stages.ts'

/** What an answer may be long where the call does not say. */
export const DEFAULT_MAX_ANSWER_BYTES = 16_777_216

/** Delivers the request and reads the whole answer, bounded in size and time; of one that streams, the head. */
export function send(engine: Engine, call: Signed): MaybePromise<Received> {
  const maxBytes = call.options.maxAnswerBytes ?? DEFAULT_MAX_ANSWER_BYTES
  return orElse(
    () => andThen(deliver(engine.transport, call, maxBytes), (came) => receive(call, came, maxBytes)),
    (cause) => failed(call, cause),
  )
}

function failed({ signal, upload }: Pick<Signed, 'signal' | 'upload'>, cause: unknown): never {
  signal?.throwIfAborted()
  // Where the body itself failed, that is the reason, whatever the transport makes of it.
  const reason = upload?.failure ?? cause
  if (reason instanceof CountersignError) throw reason
  throw new CountersignError('transport-failed', { cause: reason, outcome: 'unknown' })
}

function receive(call: Signed, { status, fields, body }: Came, maxBytes: number): Received {
  if (body instanceof ReadableStream) return streaming(call, { status, fields, source: sourceOf(body) })
  // Condition: an answer that is larger than the limit is refused.
  if (body === 'too-large' || body.length > maxBytes) {
    throw new CountersignError('answer-too-large', { detail: { step: 'size' } })
  }
  const answer = { status, fields, body: body.length === 0 ? undefined : body }
  // A transport of the caller's own may have gathered what streams.
  if (announcesStream(fields)) return streaming(call, { status, fields, source: sourceOf(whole(body)) })
  return advance(call, { answer })
}

function whole(bytes: Bytes): ReadableStream<Bytes> {
  const pieces = [bytes]
  return streamOf({ read: async () => pieces.shift(), cancel: async () => undefined })
}

function streaming(
  call: Signed,
  { status, fields, source }: { readonly status: number; readonly fields: Fields; readonly source: ByteSource },
): Received {
  // Condition: an answer that streams to a call of the library’s own is refused.
  if (call.isOwn === true) {
    source.cancel().catch(() => undefined)
    throw new CountersignError('answer-malformed', { detail: { step: 'stream' } })
  }
  const download: ByteSource = {
    read: () => source.read().catch((cause) => failed(call, cause)),
    cancel: source.cancel,
  }
  return advance(call, { answer: { status, fields, body: undefined }, download })
}

type Came = Omit<ExchangeAnswer, 'fields'> & { readonly fields: Fields }

function deliver(transport: Transport, call: Signed, maxBytes: number): MaybePromise<Came> {
  if (transport.exchange === undefined) return fetchOver(transport, call, maxBytes)
  const { url, target, method, request, signal } = call
  const wanted = {
    origin: url.origin,
    target: target.target,
    method,
    fields: request.fields.raw,
    body: bodyOf(call),
    signal,
    maxBytes,
    isStream: isStreamed,
  }
  return andThen(settle(transport.exchange(wanted)), (answer) => ({
    status: finalStatus(answer.status),
    fields: new Fields(answer.fields),
    body: answer.body,
  }))
}

function isStreamed(fields: readonly string[]): boolean {
  return announcesStream(new Fields(fields))
}

function bodyOf({ bytes, upload }: Signed): Bytes | ReadableStream<Bytes> | undefined {
  return upload === undefined ? bytes : streamOf(upload)
}

async function fetchOver(transport: Transport, call: Signed, maxBytes: number): Promise<Came> {
  const init = {
    method: call.method,
    headers: headersOf(call.request.fields),
    body: bodyOf(call) ?? null,
    redirect: 'manual',
    signal: call.signal ?? null,
  } as const
  // Node demands `duplex` for streams; it is in no DOM type yet.
  const whole = call.upload === undefined ? init : ({ ...init, duplex: 'half' } as RequestInit)
  const response = await transport(call.url.origin + call.target.target, whole)
  const status = finalStatus(response.status)
  const fields = fieldsOf(response.headers)
  const isStream = response.body !== null && announcesStream(fields)
  return { status, fields, body: isStream ? response.body : await readStream(response.body, maxBytes) }
}

function finalStatus(status: number): number {
  // Condition: an answer of a status that no response can have is refused.
  if (status < 200 || status > 599) throw new CountersignError('answer-malformed', { detail: { step: 'status' } })
  return status
}
