import type { IncomingMessage, ServerResponse } from 'node:http'
import { advance } from '../core/advance.ts'
import { CountersignError } from '../core/errors.ts'
import { andThen, type MaybePromise, orElse } from '../core/maybe-promise.ts'
import { admit, isAbort } from '../flow/admit.ts'
import { answerHandled, answerSelf, notStreamed } from '../flow/answer.ts'
import { answerStreamed, canStream } from '../flow/answer-stream.ts'
import { type Call, runInCall } from '../flow/call-context.ts'
import type { HttpAnswer } from '../flow/http-answer.ts'
import type { Admitted, Answered } from '../flow/inbound/admission.ts'
import type { GuardSettings } from '../flow/inbound/guard-settings.ts'
import type { Arrival, Opened } from '../flow/inbound/stages.ts'
import { problemOf } from '../flow/problem.ts'
import { recordCallee } from '../flow/trail.ts'
import { bindCall, boundCall } from './call-of.ts'
import { judgeAgain, refusalOf } from './judge-again.ts'
import { readBody, replayBody, withLength } from './node-body.ts'
import { certificateOn } from './node-certificate.ts'
import { announcesBody, replaceFields, requestOf, wasBodyRead } from './node-request.ts'
import { captureAnswer } from './node-response.ts'
import { type Patience, sendNow } from './node-send.ts'
import { streamBody } from './node-upload.ts'

/** One exchange as a Node framework hands it over. */
export interface NodeExchange {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  /** The request target as it arrived, before any mount. */
  readonly target: string
  /** Where the guard is mounted, empty at the root. */
  readonly mountPath: string
}

/** Runs a guard over one exchange: the handler runs within its call, or the guard has answered. */
export function guardNode<T>(
  guard: GuardSettings,
  exchange: NodeExchange,
  next: () => MaybePromise<T>,
): MaybePromise<T | undefined> {
  const { req } = exchange
  const known = boundCall(req)
  if (known !== undefined) return guardAgain(guard, exchange, { known, next })
  // Condition: a request whose body somebody read before the guard is refused by name.
  if (wasBodyRead(req)) {
    throw new CountersignError('body-read-before-guard', { detail: { fix: 'mount the guard before body parsers' } })
  }
  return andThen(admitNode(guard, exchange), (admitted) =>
    admitted === undefined ? undefined : runInCall(admitted.call, next),
  )
}

async function guardAgain<T>(
  guard: GuardSettings,
  { req, res, target }: NodeExchange,
  { known, next }: { readonly known: Call; readonly next: () => MaybePromise<T> },
): Promise<T | undefined> {
  const refusal = await judgeAgain(guard, known, { method: req.method ?? '', target })
  if (refusal === undefined) return next()
  respond(res, problemOf(refusal.code, known.id))
  return undefined
}

/** Answers through the framework's own response: behind a guard that is where it gets signed. */
export function respond(res: ServerResponse, answer: HttpAnswer): void {
  res.statusCode = answer.status
  for (const name of answer.fields.names()) res.setHeader(name, [...answer.fields.all(name)])
  res.end(answer.body)
}

function admitNode(guard: GuardSettings, exchange: NodeExchange): MaybePromise<Admitted | undefined> {
  return orElse(
    () =>
      andThen(admit(guard, arrivalOf(exchange)), (admission) => {
        if (admission.kind === 'answered') return answerNow(guard, exchange, admission)
        handOver(guard, exchange, admission)
        return admission
      }),
    (cause) => {
      if (!isAbort(cause)) throw cause
      exchange.req.destroy()
      return undefined
    },
  )
}

function answerNow(guard: GuardSettings, { res }: NodeExchange, answered: Answered): MaybePromise<undefined> {
  return andThen(answerSelf(guard, answered), (answer) => {
    sendNow(res, answer, patienceFor(guard, answered))
    return undefined
  })
}

function setParsed(req: IncomingMessage & { body?: unknown; _body?: boolean }, value: unknown): void {
  req.body = value
  req._body = true
}

/** Who is told that a session is not known makes the call again: that answer has to reach a caller who is still sending. */
function patienceFor(guard: GuardSettings, { error }: Answered): Patience | undefined {
  return error?.code === 'session-unknown' ? { bytes: guard.maxBodyBytes, ms: 30_000 } : undefined
}

function handOver(guard: GuardSettings, exchange: NodeExchange, admission: Admitted): void {
  const { req, res } = exchange
  const { stage, call } = admission
  showRequest(req, stage)
  bindCall(req, call)
  captureAnswer(res, {
    maxBytes: guard.maxBodyBytes,
    begin: canStream(guard, stage) ? (head) => answerStreamed(guard, stage, head) : undefined,
    finish: (handled) =>
      answerHandled(
        guard,
        stage,
        'tooLarge' in handled ? notStreamed(handled.cause) : advance(handled, { refused: refusalOf(call) }),
      ),
    onAborted: () => {
      const error = new CountersignError('transport-failed', { detail: { step: 'answer' } })
      recordCallee(guard, { stage, answer: undefined, effect: 'allow', error })
    },
  })
}

/** Puts what the handler may see of a request in place of what arrived. */
function showRequest(req: IncomingMessage, stage: Opened): void {
  if (stage.upload !== undefined) {
    // How long it is shows at its end.
    replaceFields(req, stage.fields.without('content-length').with({ 'transfer-encoding': 'chunked' }))
    return
  }
  const length = stage.body?.length ?? 0
  const isAnnounced = stage.arrival.announcesBody || length > 0
  replaceFields(req, isAnnounced ? withLength(req, stage.fields, length) : stage.fields)
  if (stage.json === undefined) replayBody(req, stage.body)
  // What body parsers look at: `_body` those of Express 4, which do not see that the stream has ended.
  else setParsed(req, stage.json.value)
}

function arrivalOf({ req, target, mountPath }: NodeExchange): Arrival {
  const address = req.socket.remoteAddress
  return {
    request: requestOf(req, target),
    mountPath,
    announcesBody: announcesBody(req),
    readBody: (maxBytes, use) => readBody(req, { maxBytes, isLast: use === 'parse' }),
    streamBody: (opener) => streamBody(req, opener),
    certificate: () => certificateOn(req.socket),
    ...(address === undefined ? {} : { address }),
  }
}
