import type { HttpRequest } from '../core/message.ts'
import { admit } from '../flow/admit.ts'
import { answerHandled, answerSelf, type HandlerAnswer } from '../flow/answer.ts'
import { type Call, runInCall } from '../flow/call-context.ts'
import type { HttpAnswer } from '../flow/http-answer.ts'
import type { Admitted } from '../flow/inbound/admission.ts'
import type { GuardOptions } from '../flow/inbound/guard-options.ts'
import { checkGuardOptions, type GuardSettings, guardSettings } from '../flow/inbound/guard-settings.ts'
import type { Arrival } from '../flow/inbound/stages.ts'
import { problemOf } from '../flow/problem.ts'
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
    const response = await guarded(settings, request, (inner) => handler(inner, ...rest))
    waitUntilOf(rest)?.(used.audit.flush())
    return response
  }
}

async function guarded(
  guard: GuardSettings,
  request: Request,
  handler: (request: Request) => Response | Promise<Response>,
): Promise<Response> {
  const known = boundCall(request)
  if (known !== undefined) return guardedAgain(guard, { request, known, handler })
  const admission = await admit(guard, arrivalOf(request))
  if (admission.kind === 'answered') return toResponse(await answerSelf(guard, admission))
  const inner = handlerRequest(request, admission)
  bindCall(inner, admission.call)
  const handled = await run(guard, admission, () => handler(inner))
  return toResponse(await answerHandled(guard, admission.stage, handled))
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

async function run(
  guard: GuardSettings,
  admission: Admitted,
  body: () => Response | Promise<Response>,
): Promise<HandlerAnswer> {
  try {
    const answer = await readAnswer(await runInCall(admission.call, body), guard.maxBodyBytes)
    return typeof answer === 'string' ? answer : { ...answer, refused: refusalOf(admission.call) }
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
  }
}

function handlerRequest(request: Request, { stage }: Admitted): Request {
  const headers = headersOf(stage.fields)
  if (headers.has('content-length') && stage.body !== undefined)
    headers.set('content-length', String(stage.body.length))
  const hasBody = stage.body !== undefined && request.method !== 'GET' && request.method !== 'HEAD'
  return new Request(request.url, {
    method: request.method,
    headers,
    body: hasBody ? (stage.body ?? null) : null,
    signal: request.signal,
  })
}

async function readAnswer(response: Response, maxBytes: number): Promise<HandlerAnswer> {
  const isEndless = response.headers.get('content-type')?.startsWith('text/event-stream') === true
  const body = isEndless ? 'too-large' : await readStream(response.body, maxBytes)
  if (body === 'too-large') {
    if (response.body !== null && !response.body.locked) await response.body.cancel()
    return 'too-large'
  }
  return { status: response.status, fields: fieldsOf(response.headers), body: body.length === 0 ? undefined : body }
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
