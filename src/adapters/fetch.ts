import type { Bytes } from '../core/bytes.ts'
import { CountersignError, isCountersignError } from '../core/errors.ts'
import type { HttpRequest, HttpResponse } from '../core/message.ts'
import type { EnvelopeOpener } from '../envelope/open-stream.ts'
import { admit } from '../flow/admit.ts'
import { answerHandled, answerSelf, type HandlerAnswer, notStreamed } from '../flow/answer.ts'
import { answerStreamed, canStream } from '../flow/answer-stream.ts'
import { type ByteSource, readUpTo, sourceOf, streamOf } from '../flow/byte-source.ts'
import { type Call, runInCall } from '../flow/call-context.ts'
import type { HttpAnswer } from '../flow/http-answer.ts'
import type { Admitted } from '../flow/inbound/admission.ts'
import type { GuardOptions } from '../flow/inbound/guard-options.ts'
import { checkGuardOptions, type GuardSettings, guardSettings } from '../flow/inbound/guard-settings.ts'
import type { Arrival, Upload } from '../flow/inbound/stages.ts'
import { Passage } from '../flow/passage.ts'
import { problemOf } from '../flow/problem.ts'
import { hasRecords } from '../flow/record-type.ts'
import { recordCallee } from '../flow/trail.ts'
import { fieldsOf, headersOf, readStream } from '../flow/whatwg.ts'
import { engineOf, type Workload } from '../flow/workload.ts'
import { bindCall, boundCall } from './call-of.ts'
import { judgeAgain, refusalOf } from './judge-again.ts'
import { tellOperator } from './tell-operator.ts'

/** A handler in the style of Fetch: what Bun, Deno, workers and Hono call. */
export type FetchHandler<Rest extends readonly unknown[]> = (
  request: Request,
  ...rest: Rest
) => Response | Promise<Response>

/**
 * Guards a Fetch handler. It proves and leaves open what the Express guard does. Further arguments go through; if one of
 * them has `waitUntil`, the audit trail is flushed there. Where secrets come with the first request, give a function
 * that makes the workload from the further arguments: it is called once.
 *
 * @throws `option-invalid` naming option and fix
 * @example
 * export default { fetch: guard(ledger, { policy }, async (request) => Response.json({ from: callOf(request).peer.id })) }
 */
export function guard<Rest extends readonly unknown[]>(
  workload: Workload | ((...rest: Rest) => Promise<Workload>),
  options: GuardOptions,
  handler: FetchHandler<Rest>,
): (request: Request, ...rest: Rest) => Promise<Response> {
  const checked = checkGuardOptions(options)
  let made: Promise<{ workload: Workload; settings: GuardSettings }> | undefined
  const ready = (given: Workload) => ({ workload: given, settings: guardSettings(engineOf(given), checked) })
  const fixed = typeof workload === 'function' ? undefined : ready(workload)
  const find = async (rest: Rest) => {
    if (fixed !== undefined || typeof workload !== 'function') return fixed ?? ready(workload as Workload)
    made ??= workload(...rest).then(ready)
    try {
      return await made
    } catch (cause) {
      made = undefined
      throw cause
    }
  }
  return async (request, ...rest) => {
    const { workload: used, settings } = await find(rest)
    let flowing: Promise<unknown> | undefined
    try {
      const given = await guarded(settings, request, (inner) => handler(inner, ...rest))
      flowing = given.flowing
      return given.response
    } finally {
      // The event of a stream is there when it has ended.
      waitUntilOf(rest)?.(flowing === undefined ? used.audit.flush() : flowing.then(() => used.audit.flush()))
    }
  }
}

/** What is answered, and how long it flows on after that. */
interface Given {
  readonly response: Response
  readonly flowing?: Promise<unknown>
}

async function guarded(
  guard: GuardSettings,
  request: Request,
  handler: (request: Request) => Response | Promise<Response>,
): Promise<Given> {
  const known = boundCall(request)
  if (known !== undefined) return { response: await guardedAgain(guard, { request, known, handler }) }
  const admission = await admit(guard, arrivalOf(request))
  if (admission.kind === 'answered') return { response: toResponse(await answerSelf(guard, admission)) }
  const inner = handlerRequest(request, admission)
  bindCall(inner, admission.call)
  const { signal } = request
  const handled = await run(guard, admission, { signal, handle: () => handler(inner) })
  if (handled === 'gone') return { response: nobody(guard, admission) }
  if (isSource(handled)) return streamed(guard, admission, handled)
  return { response: toResponse(await answerHandled(guard, admission.stage, handled)) }
}

/** What is answered as it comes: the head of the answer, and where its body comes from. */
interface Flowing {
  readonly head: HttpResponse
  readonly source: ByteSource
  /** Whether whoever called is there still. */
  readonly signal: AbortSignal
}

/** Whoever called has gone away while the answer was gathered. */
type Handled = HandlerAnswer | Flowing | 'gone'

function isSource(handled: Handled): handled is Flowing {
  return typeof handled === 'object' && 'source' in handled
}

/** Nobody gets this answer. */
function nobody(guard: GuardSettings, { stage }: Admitted): Response {
  const error = new CountersignError('transport-failed', { detail: { step: 'answer' } })
  recordCallee(guard, { stage, answer: undefined, effect: 'allow', error })
  return new Response(null, { status: 500 })
}

/** Calls back once when the signal is aborted; gives what ends that. */
function onAbort(signal: AbortSignal, callback: () => void): () => void {
  if (signal.aborted) callback()
  signal.addEventListener('abort', callback, { once: true })
  return () => signal.removeEventListener('abort', callback)
}

async function streamed(guard: GuardSettings, { stage }: Admitted, { head, source, signal }: Flowing): Promise<Given> {
  try {
    const begun = await answerStreamed(guard, stage, head)
    const passage = new Passage(source, begun.body, begun.first)
    const flowing = passage.ended.then(begun.ended)
    // Not every runtime cancels the body as well.
    const unwatch = onAbort(signal, () => passage.fail(signal.reason))
    void flowing.then(unwatch)
    const { status, fields } = begun.head
    return { response: new Response(streamOf(passage), { status, headers: headersOf(fields) }), flowing }
  } catch (cause) {
    source.cancel().catch(() => undefined)
    return { response: toResponse(await answerHandled(guard, stage, notStreamed(cause))) }
  }
}

interface Again {
  readonly request: Request
  readonly known: Call
  readonly handler: (request: Request) => Response | Promise<Response>
}

/** Behind another guard, which signs what this one answers. */
async function guardedAgain(guard: GuardSettings, { request, known, handler }: Again): Promise<Response> {
  const { method, target } = arrivalOf(request).request
  const refusal = await judgeAgain(guard, known, { method, target })
  return refusal === undefined ? handler(request) : toResponse(problemOf(refusal.code, known.id))
}

/** A handler that is called, and whether whoever called is there still. */
interface Running {
  readonly signal: AbortSignal
  handle(): Response | Promise<Response>
}

async function run(guard: GuardSettings, admission: Admitted, { signal, handle }: Running): Promise<Handled> {
  try {
    const response = await runInCall(admission.call, handle)
    const answer = await readAnswer(guard, admission, { response, signal })
    return typeof answer === 'string' || isSource(answer) ? answer : { ...answer, refused: refusalOf(admission.call) }
  } catch (cause) {
    tellOperator(cause)
    return 'failed'
  }
}

function arrivalOf(request: Request): Arrival {
  const url = new URL(request.url)
  const message: HttpRequest = {
    method: request.method,
    target: url.pathname + url.search,
    fields: fieldsOf(request.headers),
    scheme: url.protocol.slice(0, -1),
    authority: url.host,
  }
  return {
    request: message,
    mountPath: '',
    announcesBody: request.body !== null,
    readBody: (maxBytes) => readStream(request.body, maxBytes),
    streamBody: (opener) => streamBody(request, opener),
  }
}

/** A body that is opened as its handler reads it. */
class FetchUpload implements Upload {
  readonly #passage: Passage
  failure: unknown

  constructor(passage: Passage) {
    this.#passage = passage
    void passage.ended.then(({ error }) => {
      this.failure = error
    })
  }

  get bytes(): number {
    return this.#passage.bytes
  }

  stream(): ReadableStream<Bytes> {
    return streamOf(this.#passage)
  }
}

async function streamBody({ body }: Request, opener: EnvelopeOpener): Promise<FetchUpload> {
  const source = sourceOf(body ?? new Blob([]).stream())
  const cancel = async (reason: unknown) => {
    // Whoever cancels a body may close the connection with it: a refusal is to be answered first.
    if (!isCountersignError(reason)) await source.cancel(reason)
  }
  const passage = new Passage({ read: source.read, cancel }, opener)
  await passage.prime(() => opener.isBegun)
  return new FetchUpload(passage)
}

function handlerRequest(request: Request, { stage }: Admitted): Request {
  const headers = headersOf(stage.fields)
  if (headers.has('content-length') && stage.body !== undefined)
    headers.set('content-length', String(stage.body.length))
  const hasBody = request.method !== 'GET' && request.method !== 'HEAD'
  const { method, signal } = request
  const whole = { method, headers, signal, body: hasBody ? (stage.body ?? null) : null }
  if (!(stage.upload instanceof FetchUpload) || !hasBody) return new Request(request.url, whole)
  headers.delete('content-length')
  // Runtimes demand `duplex` for streams; it is in no DOM type yet.
  return new Request(request.url, { ...whole, body: stage.upload.stream(), duplex: 'half' } as RequestInit)
}

async function readAnswer(
  guard: GuardSettings,
  { stage }: Admitted,
  { response, signal }: { readonly response: Response; readonly signal: AbortSignal },
): Promise<Handled> {
  const head = { status: response.status, fields: fieldsOf(response.headers) }
  if (response.body === null) return { ...head, body: undefined }
  const type = response.headers.get('content-type') ?? ''
  const isStreamable = canStream(guard, stage)
  // Events and lines are read as they come; events have no end that could be waited for.
  const isLive = isStreamable ? hasRecords(type) : type.toLowerCase().startsWith('text/event-stream')
  const source = sourceOf(response.body)
  const read = isLive ? source : await gather(source, guard.maxBodyBytes, signal)
  if (read === 'gone') return 'gone'
  if (read instanceof Uint8Array) return { ...head, body: read.length === 0 ? undefined : read }
  if (isStreamable) return { head, source: read, signal }
  await read.cancel()
  return 'too-large'
}

/** As `readUpTo`, for as long as somebody waits for it. */
async function gather(source: ByteSource, maxBytes: number, signal: AbortSignal): Promise<Bytes | ByteSource | 'gone'> {
  const unwatch = onAbort(signal, () => void source.cancel(signal.reason).catch(() => undefined))
  try {
    const read = await readUpTo(source, maxBytes)
    return signal.aborted && read instanceof Uint8Array ? 'gone' : read
  } finally {
    unwatch()
  }
}

function toResponse(answer: HttpAnswer): Response {
  return new Response(answer.body ?? null, { status: answer.status, headers: headersOf(answer.fields) })
}

function waitUntilOf(rest: readonly unknown[]): ((promise: Promise<unknown>) => void) | undefined {
  for (const value of rest) {
    if (value !== null && typeof value === 'object' && 'waitUntil' in value && typeof value.waitUntil === 'function') {
      return value.waitUntil.bind(value)
    }
  }
  return undefined
}
